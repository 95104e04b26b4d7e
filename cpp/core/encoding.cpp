#include "core/encoding.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>

#include "core/parallel.h"

namespace lexigrad {
namespace {

constexpr std::size_t kWordsBetweenChecks = 10000;  // of one sentence, when the table is limited
constexpr std::size_t kReadAhead = 1 << 16;

// Reads up to `size` bytes, fewer only at the end of the file; returns their number, or -1 and errno.
std::int64_t read_at(int file, char* data, std::size_t size, std::int64_t offset) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(file, data + done, size - done, static_cast<off_t>(offset) + static_cast<off_t>(done));
    if (n == 0) break;
    if (n > 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return static_cast<std::int64_t>(done);
}

// Returns 0 or errno.
int write_at(int file, const char* data, std::size_t size, std::int64_t offset) {
  while (size > 0) {
    const ssize_t n = pwrite(file, data, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : EIO;
    data += n;
    size -= static_cast<std::size_t>(n);
    offset += n;
  }
  return 0;
}

std::size_t skip_word(const char* text, std::size_t at, std::size_t end) {
  while (at < end && !is_space(text[at])) ++at;
  return at;
}

bool starts_with_bom(const char* text, std::size_t size) {
  return size >= 3 && std::memcmp(text, "\xEF\xBB\xBF", 3) == 0;
}

// The part of `text` that a piece owns.
struct Owned {
  std::size_t begin, end;
};

// Where the piece [1, end) begins, with text[0] the byte before it: what continues a word belongs to the piece before.
std::size_t owned_begin(const char* text, std::size_t end) { return std::max<std::size_t>(1, skip_word(text, 0, end)); }

// Reads a piece with the byte before it and the rest of its last word.
Fault read_piece(const FilePiece& piece, std::vector<char>& text, Owned& owned) {
  const std::int64_t from = piece.begin - (piece.begin > 0);
  std::size_t end = static_cast<std::size_t>(piece.end - from);
  const auto make_room = [&](std::size_t size) {
    if (text.size() < size + kTextPadding) text.resize(size + kTextPadding);
  };
  const auto read_to = [&](std::size_t begin, std::size_t wanted) -> Fault {
    make_room(wanted);
    const std::int64_t at = from + static_cast<std::int64_t>(begin);
    const std::int64_t n = read_at(piece.file, text.data() + begin, wanted - begin, at);
    if (n < 0) return {Fault::kReadFailed, 0, at, errno};
    if (n < static_cast<std::int64_t>(wanted - begin)) return {Fault::kFileShrank, 0, at + n};
    return {};
  };
  if (const Fault fault = read_to(0, end); fault.kind) return fault;
  const std::size_t begin = piece.begin > 0 ? owned_begin(text.data(), end) : 0;
  const std::size_t size = static_cast<std::size_t>(piece.size - from);
  for (std::size_t ahead = kReadAhead; begin < end && end < size && !is_space(text[end - 1]); ahead *= 2) {
    const std::size_t wanted = end + std::min(ahead, size - end);
    if (const Fault fault = read_to(end, wanted); fault.kind) return fault;
    const std::size_t word_end = skip_word(text.data(), end, wanted);
    if (word_end - static_cast<std::size_t>(piece.end - from) > kLongestWord) {
      std::size_t word = static_cast<std::size_t>(piece.end - from);
      while (word > begin && !is_space(text[word - 1])) --word;
      return {Fault::kWordTooLong, 0, from + static_cast<std::int64_t>(word)};
    }
    end = word_end;
    if (word_end < wanted) break;
  }
  owned = {piece.begin == 0 && starts_with_bom(text.data(), end) ? 3 : begin, end};
  return {};
}

// Joins the ids of a text's words and its ends of sentences to a stream; returns the number of known words.
std::int64_t join(const Words& words, const std::vector<std::int32_t>& ids, bool every_end,
                  std::vector<std::int32_t>& stream) {
  stream.resize(words.size + words.breaks.size());
  std::int32_t* out = stream.data();
  std::size_t first = 0, ends = 0;
  const auto copy_to = [&](std::size_t last) {
    for (; first < last; ++first) {
      *out = ids[first];
      out += ids[first] != kUnknown;
    }
  };
  for (const std::uint32_t end : words.breaks) {
    copy_to(end);
    if (!every_end && out != stream.data() && out[-1] == kEndOfSentence) continue;
    *out++ = kEndOfSentence;
    ++ends;
  }
  copy_to(words.size);
  stream.resize(static_cast<std::size_t>(out - stream.data()));
  return static_cast<std::int64_t>(stream.size() - ends);
}

void count_sentences(const Words& words, Encoded& encoded) {
  std::size_t first = 0;
  for (const std::uint32_t end : words.breaks) {
    encoded.totals.sentences += end > first;
    first = end;
  }
  encoded.break_first = !words.breaks.empty() && words.breaks.front() == 0;
  encoded.break_inside = !words.breaks.empty();
  encoded.word_last = words.size > first;
}

}  // namespace

void StreamWriter::start_batch(std::int64_t pieces) {
  batch_.clear();
  batch_.resize(static_cast<std::size_t>(pieces));
  next_ = 0;
}

std::vector<std::int32_t> StreamWriter::buffer() {
  std::lock_guard lock(mutex_);
  if (spare_.empty()) return {};
  auto buffer = std::move(spare_.back());
  spare_.pop_back();
  return buffer;
}

// Gives a piece its place in the stream; all before it have theirs.
void StreamWriter::settle(Waiting& piece) {
  const Encoded& encoded = piece.encoded;
  piece.begin = !every_end_ && !encoded.ids.empty() && encoded.ids.front() == kEndOfSentence && !stream_open_;
  piece.place = totals_.length;
  const std::size_t length = encoded.ids.size() - piece.begin;
  if (length > 0) stream_open_ = encoded.ids.back() != kEndOfSentence;
  totals_.length += static_cast<std::int64_t>(length);
  totals_.raw_words += encoded.totals.raw_words;
  totals_.words += encoded.totals.words;
  totals_.sentences += encoded.totals.sentences + (encoded.break_first && sentence_open_);
  sentence_open_ = encoded.word_last || (sentence_open_ && !encoded.break_inside);
  segments_.push_back({static_cast<std::int32_t>(length), encoded.worker, encoded.types});
}

void StreamWriter::submit(std::int64_t index, Encoded&& encoded) {
  std::unique_lock lock(mutex_);
  batch_[static_cast<std::size_t>(index)] = {true, std::move(encoded)};
  const std::size_t first = next_;
  for (; next_ < batch_.size() && batch_[next_].ready; ++next_) settle(batch_[next_]);
  const std::size_t last = next_;
  lock.unlock();
  int error = 0;
  for (std::size_t i = first; i < last && !error; ++i) {
    const auto& ids = batch_[i].encoded.ids;
    const std::size_t length = ids.size() - batch_[i].begin;
    if (length == 0) continue;
    error = write_at(file_, reinterpret_cast<const char*>(ids.data() + batch_[i].begin), length * sizeof ids[0],
                     batch_[i].place * static_cast<std::int64_t>(sizeof ids[0]));
  }
  lock.lock();
  if (error && !error_) error_ = error;
  for (std::size_t i = first; i < last; ++i) spare_.push_back(std::move(batch_[i].encoded.ids));
}

CorpusScanner::CorpusScanner(int threads, int spool, const WordTable* frozen, bool every_end)
    : threads_(std::max(1, threads)),
      spool_(spool),
      every_end_(every_end),
      frozen_(frozen),
      workers_(static_cast<std::size_t>(threads_)),
      writer_(spool, every_end),
      final_writer_(spool, every_end) {}

void CorpusScanner::limit_table(std::int64_t limit, std::function<void(WordTable&)> prune) {
  limit_ = limit;
  prune_ = std::move(prune);
}

void CorpusScanner::end_sentence() {
  if (words_since_check_ == 0) return;
  words_since_check_ = 0;
  WordTable& table = workers_[0].table;
  if (table.size() > limit_) prune_(table);
}

// Writes the words' ids to worker.ids; returns how many it could.
std::size_t CorpusScanner::look_up(Worker& worker, const char* text, const Words& words) {
  if (worker.ids.size() < words.size) worker.ids.resize(words.size);
  std::int32_t* ids = worker.ids.data();
  if (frozen_) return frozen_->find_words(text, words, 0, words.size, ids);
  if (!prune_) return worker.table.count_words(text, words, 0, words.size, ids);
  std::size_t first = 0, sentence = 0;
  for (;; ++sentence) {
    const bool whole = sentence < words.breaks.size();
    const std::size_t end = whole ? words.breaks[sentence] : words.size;
    while (first < end) {
      const std::size_t last = std::min(end, first + kWordsBetweenChecks - words_since_check_);
      const std::size_t done = worker.table.count_words(text, words, first, last, ids);
      if (done < last) return done;
      words_since_check_ += last - first;
      first = last;
      if (words_since_check_ == kWordsBetweenChecks) end_sentence();
    }
    if (!whole) return words.size;
    end_sentence();
  }
}

// The end of a text is that of its last line, unless a line break has ended it already.
void CorpusScanner::end_text(char last_byte, Words& words) const {
  if (every_end_ && last_byte == '\n') return;
  words.breaks.push_back(static_cast<std::uint32_t>(words.size));
}

Fault CorpusScanner::encode(std::int64_t piece, Worker& worker, const char* text, std::int64_t offset,
                            const Words& words) {
  const std::size_t done = look_up(worker, text, words);
  if (done < words.size) {
    const std::uint32_t start = words.starts[done];
    return {Fault::kNotUtf8, piece, offset + start + find_invalid_utf8({text + start, words.ends[done] - start})};
  }
  Encoded encoded;
  encoded.worker = static_cast<int>(&worker - workers_.data());
  encoded.types = worker.table.size();
  count_sentences(words, encoded);
  encoded.totals.raw_words = static_cast<std::int64_t>(words.size);
  if (spool_ != kNoSpool) {
    encoded.ids = writer_.buffer();
    encoded.totals.words = join(words, worker.ids, every_end_, encoded.ids);
  }
  writer_.submit(piece, std::move(encoded));
  return {};
}

// Runs body for each piece; the fault that is returned is the first one in the order of the pieces.
Fault CorpusScanner::scan(std::int64_t pieces, const std::function<Fault(std::int64_t, Worker&)>& body) {
  writer_.start_batch(pieces);
  Fault first;
  std::mutex mutex;
  std::atomic<std::int64_t> stop{std::numeric_limits<std::int64_t>::max()};
  parallel_for(pieces, prune_ ? 1 : threads_, [&](std::int64_t piece, int worker) {
    if (piece > stop.load(std::memory_order_relaxed)) return;
    Fault fault = body(piece, workers_[static_cast<std::size_t>(worker)]);
    if (!fault.kind) return;
    std::lock_guard lock(mutex);
    if (first.kind && first.piece < piece) return;
    fault.piece = piece;
    first = fault;
    stop.store(piece);
  });
  if (!first.kind && writer_.error()) return {Fault::kSpoolFailed, 0, 0, writer_.error()};
  return first;
}

Fault CorpusScanner::scan_files(const std::vector<FilePiece>& pieces) {
  return scan(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t i, Worker& worker) -> Fault {
    const FilePiece& piece = pieces[static_cast<std::size_t>(i)];
    Owned owned{};
    if (const Fault fault = read_piece(piece, worker.text, owned); fault.kind) return fault;
    const char* text = worker.text.data() + owned.begin;
    tokenize(text, owned.end - owned.begin, worker.words);
    const std::int64_t from = piece.begin - (piece.begin > 0);
    if (piece.end == piece.size) end_text(worker.text[static_cast<std::size_t>(piece.size - from - 1)], worker.words);
    return encode(i, worker, text, from + static_cast<std::int64_t>(owned.begin), worker.words);
  });
}

Fault CorpusScanner::scan_bytes(const char* data, std::size_t size, bool last, std::size_t piece_size) {
  std::size_t ready = pending_.size() + size;  // the words of this part that are whole
  if (!last) {
    std::size_t tail = size;
    while (tail > 0 && !is_space(data[tail - 1])) --tail;
    ready = tail > 0 ? pending_.size() + tail : 0;
  }
  pending_.insert(pending_.end(), data, data + size);
  if (size > 0) last_byte_ = data[size - 1];
  if (pending_.size() - ready > kLongestWord) {
    return {Fault::kWordTooLong, 0, pending_offset_ + static_cast<std::int64_t>(ready)};
  }
  const std::size_t whole = pending_.size();
  pending_.resize(whole + kTextPadding);
  const char* text = pending_.data();
  const std::size_t skip = pending_offset_ == 0 && starts_with_bom(text, ready) ? 3 : 0;
  const auto pieces = static_cast<std::int64_t>(ready > 0 || last ? std::max<std::size_t>(1, ready / piece_size) : 0);
  const Fault fault = scan(pieces, [&](std::int64_t i, Worker& worker) {
    std::size_t begin = static_cast<std::size_t>(i) * piece_size;
    std::size_t end = i + 1 == pieces ? ready : begin + piece_size;
    if (begin > 0) begin = begin - 1 + owned_begin(text + begin - 1, end - begin + 1);
    if (begin < end && !is_space(text[end - 1])) end = skip_word(text, end, ready);
    begin = std::max(begin, std::min(skip, end));
    tokenize(text + begin, end - begin, worker.words);
    if (last && i + 1 == pieces) end_text(last_byte_, worker.words);
    return encode(i, worker, text + begin, pending_offset_ + static_cast<std::int64_t>(begin), worker.words);
  });
  pending_.resize(whole);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(ready));
  pending_offset_ = last ? 0 : pending_offset_ + static_cast<std::int64_t>(ready);
  if (last) last_byte_ = '\n';
  return fault;
}

Fault CorpusScanner::scan_lists(std::span<const WordList> lists) {
  return scan(static_cast<std::int64_t>(lists.size()), [&](std::int64_t i, Worker& worker) {
    const WordList& list = lists[static_cast<std::size_t>(i)];
    return encode(i, worker, list.text.data(), 0, list.words);
  });
}

const WordTable& CorpusScanner::merge() {
  WordTable& all = workers_[0].table;
  if (threads_ == 1 || prune_) return all;
  for (std::size_t w = 1; w < workers_.size(); ++w) {
    Worker& worker = workers_[w];
    all.merge(worker.table, worker.merged);
    worker.table = WordTable();
  }
  // Ids in order of first appearance: each table numbers its words so, and notes how many it held after each piece.
  std::vector<std::int32_t> ranks(static_cast<std::size_t>(all.size()), kUnknown);
  std::vector<std::int32_t> seen(workers_.size());
  std::int32_t next = 0;
  for (const auto& segment : writer_.segments()) {
    const auto w = static_cast<std::size_t>(segment.worker);
    for (std::int32_t& id = seen[w]; id < segment.types; ++id) {
      const std::int32_t merged = w == 0 ? id : workers_[w].merged[static_cast<std::size_t>(id)];
      if (ranks[static_cast<std::size_t>(merged)] == kUnknown) ranks[static_cast<std::size_t>(merged)] = next++;
    }
  }
  all.renumber(ranks);
  for (std::size_t w = 1; w < workers_.size(); ++w) {
    for (std::int32_t& id : workers_[w].merged) id = ranks[static_cast<std::size_t>(id)];
  }
  ranks.resize(static_cast<std::size_t>(seen[0]));
  workers_[0].merged = std::move(ranks);
  return all;
}

void CorpusScanner::start_finish(const std::vector<std::int32_t>& final_ids) {
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    Worker& worker = workers_[w];
    worker.finals.assign(1, kEndOfSentence);
    if (threads_ == 1) {
      worker.finals.insert(worker.finals.end(), final_ids.begin(), final_ids.end());
    } else {
      for (const std::int32_t id : worker.merged) worker.finals.push_back(final_ids[static_cast<std::size_t>(id)]);
      worker.merged = {};
    }
  }
}

// In place: a piece is written once all before it have been read, and never behind its own end.
bool CorpusScanner::finish(std::int64_t pieces, Fault& fault) {
  const auto& segments = writer_.segments();
  const std::size_t first = next_segment_;
  const auto n = std::min(pieces, static_cast<std::int64_t>(segments.size() - first));
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < n; ++i) {
    places.push_back(next_place_);
    next_place_ += segments[next_segment_++].length;
  }
  final_writer_.start_batch(n);
  std::atomic<int> error{0};
  parallel_for(n, threads_, [&](std::int64_t i, int) {
    if (error) return;
    const auto& segment = segments[first + static_cast<std::size_t>(i)];
    const std::int32_t* finals = workers_[static_cast<std::size_t>(segment.worker)].finals.data() + 1;
    Encoded encoded;
    encoded.ids = final_writer_.buffer();
    auto& ids = encoded.ids;
    const auto length = static_cast<std::size_t>(segment.length);
    ids.resize(length);
    const auto bytes = static_cast<std::int64_t>(length * sizeof ids[0]);
    const std::int64_t got = read_at(spool_, reinterpret_cast<char*>(ids.data()), length * sizeof ids[0],
                                     places[static_cast<std::size_t>(i)] * static_cast<std::int64_t>(sizeof ids[0]));
    if (got < bytes) {
      error = got < 0 ? errno : EIO;
      return;
    }
    std::size_t kept = 0;
    for (std::size_t k = 0; k < length; ++k) {
      const std::int32_t id = finals[ids[k]];
      ids[kept] = id;
      encoded.totals.words += id >= 0;
      kept += id >= 0 || (id == kEndOfSentence && (every_end_ || kept == 0 || ids[kept - 1] != kEndOfSentence));
    }
    ids.resize(kept);
    final_writer_.submit(i, std::move(encoded));
  });
  if (!error) error = final_writer_.error();
  if (error) fault = {Fault::kSpoolFailed, 0, 0, error};
  return next_segment_ < segments.size();
}

}  // namespace lexigrad
