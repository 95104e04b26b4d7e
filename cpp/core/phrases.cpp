#include "core/phrases.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

#include "core/parallel.h"

namespace lexigrad {
namespace {

constexpr std::size_t kPending = 4096;   // keys counted in one go
constexpr std::size_t kPiece = 1 << 16;  // bytes of text taken apart in one go
constexpr std::size_t kSlotsAhead = 16, kRecordsAhead = 8;
constexpr std::uint64_t kHeader = 2;  // words before a record's bytes: value, length
constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load8(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

std::uint64_t load4(const char* p) {
  std::uint32_t word;
  std::memcpy(&word, p, 4);
  return word;
}

// Up to 8 bytes, read in overlapping pieces: no branch for each length, no byte beyond the end.
std::uint64_t load_tail(const char* p, std::size_t length) {
  if (length >= 4) return load4(p) | load4(p + length - 4) << 32;
  if (length == 0) return 0;
  const auto at = [p](std::size_t i) { return static_cast<std::uint64_t>(static_cast<unsigned char>(p[i])); };
  return at(0) | at(length / 2) << 8 | at(length - 1) << 16;
}

// Both of at least 8 bytes, or of any length: whether they are equal, without a call for short keys.
bool equal(const char* a, const char* b, std::size_t length) {
  if (length > 16) return std::memcmp(a, b, length) == 0;
  if (length >= 8) return load8(a) == load8(b) && load8(a + length - 8) == load8(b + length - 8);
  return load_tail(a, length) == load_tail(b, length);
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

void split(std::string_view line, std::vector<std::string_view>& words) {
  words.clear();
  const char* p = line.data();
  const char* const end = p + line.size();
  for (;;) {
    while (p < end && is_space(*p)) ++p;
    const char* begin = p;
    while (p < end && !is_space(*p)) ++p;
    if (p == begin) return;
    words.emplace_back(begin, p - begin);
  }
}

template <typename Body>
void for_each_line(std::string_view text, const Body& body) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    body(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

template <typename Value>
void StringTable<Value>::Free::operator()(std::uint64_t* block) const {
  std::free(block);
}

template <typename Value>
std::uint64_t StringTable<Value>::hash(std::string_view key) {
  constexpr std::uint64_t k0 = 0xa0761d6478bd642full, k1 = 0xe7037ed1a0b428dbull;
  const char* p = key.data();
  std::size_t left = key.size();
  std::uint64_t h = k0 ^ left;
  for (; left > 8; left -= 8, p += 8) h = mix(h ^ load8(p), k1);
  return mix(mix(h ^ load_tail(p, left), k1), k0);
}

template <typename Value>
void StringTable<Value>::grow_block(std::uint64_t words) {
  const std::uint64_t wanted = std::max(used_ + words, capacity_ + capacity_ / 2 + 512);
  if (wanted > std::numeric_limits<std::uint32_t>::max()) {
    throw std::length_error("the words and phrases fill more than 32 GB: lower max_vocab_size");
  }
  void* grown = std::realloc(block_.get(), wanted * sizeof(std::uint64_t));
  if (!grown) throw std::bad_alloc();
  static_cast<void>(block_.release());
  block_.reset(static_cast<std::uint64_t*>(grown));
  capacity_ = wanted;
}

template <typename Value>
std::uint64_t StringTable<Value>::append(std::string_view key, Value value) {
  const std::uint64_t words = kHeader + (key.size() + 7) / 8;
  if (used_ + words > capacity_) grow_block(words);
  std::uint64_t* record = block_.get() + used_;
  std::memcpy(record, &value, 8);
  record[1] = key.size();
  if (!key.empty()) std::memcpy(record + kHeader, key.data(), key.size());
  const std::uint64_t place = used_;
  used_ += words;
  return place;
}

template <typename Value>
typename StringTable<Value>::Record StringTable<Value>::record(std::uint64_t place) const {
  const std::uint64_t* words = block_.get() + place;
  Record r;
  std::memcpy(&r.value, words, 8);
  r.key = {reinterpret_cast<const char*>(words + kHeader), words[1]};
  r.next = place + kHeader + (words[1] + 7) / 8;
  return r;
}

template <typename Value>
typename StringTable<Value>::Slot* StringTable<Value>::free_slot(std::uint64_t hash) {
  std::uint64_t i = hash & mask_;
  while (slots_[i].place) i = (i + 1) & mask_;
  return &slots_[i];
}

template <typename Value>
void StringTable<Value>::rebuild(std::size_t slots) {
  slots_ = std::vector<Slot>();  // the old table goes before the new one comes
  slots_.resize(slots);
  mask_ = slots - 1;
  for (std::uint64_t place = 0; place < used_;) {
    const Record r = record(place);
    const std::uint64_t h = hash(r.key);
    *free_slot(h) = {static_cast<std::uint32_t>(place + 1), static_cast<std::uint32_t>(h >> 32)};
    place = r.next;
  }
}

template <typename Value>
void StringTable<Value>::reserve(std::int64_t entries) {
  std::size_t slots = slots_.size();
  if (static_cast<std::size_t>(entries) <= slots / 3 * 2) return;
  do slots *= 2;
  while (static_cast<std::size_t>(entries) > slots / 2);
  rebuild(slots);
}

template <typename Value>
Value& StringTable<Value>::at(std::string_view key, std::uint64_t h) {
  const auto tag = static_cast<std::uint32_t>(h >> 32);
  for (std::uint64_t i = h & mask_;; i = (i + 1) & mask_) {
    const Slot slot = slots_[i];
    if (!slot.place) break;
    if (slot.tag != tag) continue;
    std::uint64_t* found = block_.get() + (slot.place - 1);
    if (found[1] == key.size() && equal(reinterpret_cast<const char*>(found + kHeader), key.data(), key.size())) {
      return *reinterpret_cast<Value*>(found);
    }
  }
  reserve(size_ + 1);
  const std::uint64_t place = append(key, Value{});
  *free_slot(h) = {static_cast<std::uint32_t>(place + 1), tag};
  ++size_;
  return *reinterpret_cast<Value*>(block_.get() + place);
}

template <typename Value>
const Value* StringTable<Value>::find(std::string_view key, std::uint64_t h) const {
  const auto tag = static_cast<std::uint32_t>(h >> 32);
  for (std::uint64_t i = h & mask_; slots_[i].place; i = (i + 1) & mask_) {
    if (slots_[i].tag != tag) continue;
    const std::uint64_t* found = block_.get() + (slots_[i].place - 1);
    if (found[1] == key.size() && equal(reinterpret_cast<const char*>(found + kHeader), key.data(), key.size())) {
      return reinterpret_cast<const Value*>(found);
    }
  }
  return nullptr;
}

template <typename Value>
void StringTable<Value>::keep_at_least(Value minimum) {
  std::uint64_t kept = 0;
  for (std::uint64_t place = 0; place < used_;) {
    const Record r = record(place);
    if (r.value >= minimum) {
      std::memmove(block_.get() + kept, block_.get() + place, (r.next - place) * 8);
      kept += r.next - place;
    } else {
      --size_;
    }
    place = r.next;
  }
  used_ = kept;
  rebuild(slots_.size());
}

template class StringTable<std::int64_t>;
template class StringTable<double>;

PhraseShape::PhraseShape(std::string d, const std::vector<std::string>& connector_words) : delimiter(std::move(d)) {
  for (const auto& word : connector_words) connectors_.at(word) = 1;
}

void PhraseShape::join(WordSpan words, std::string& out) const {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i) out += delimiter;
    out += words[i];
  }
}

PhraseCounter::PhraseCounter(std::string delimiter, const std::vector<std::string>& connector_words,
                             std::int64_t max_entries)
    : shape(std::move(delimiter), connector_words), max_entries_(max_entries) {}

void PhraseCounter::Batch::push(std::size_t begin, std::uint64_t hash) {
  if (bytes.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw std::length_error("a sentence and its phrases fill more than 4 GB: split it into lines");
  }
  keys.push_back({hash, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(bytes.size() - begin)});
}

void PhraseCounter::Batch::clear() {
  bytes.clear();
  keys.clear();
  sentence_ends.clear();
  words = 0;
}

void PhraseCounter::take_apart(WordSpan sentence, Batch& batch) const {
  constexpr std::size_t none = -1;
  std::size_t start = none;
  for (std::size_t i = 0; i < sentence.size(); ++i) {
    const std::uint64_t hash = counts.hash(sentence[i]);
    if (shape.is_connector(sentence[i], hash)) continue;
    std::size_t begin = batch.bytes.size();
    batch.bytes += sentence[i];
    batch.push(begin, hash);
    if (start != none) {
      begin = batch.bytes.size();
      shape.join(sentence.subspan(start, i + 1 - start), batch.bytes);
      batch.push(begin, counts.hash(std::string_view(batch.bytes).substr(begin)));
    }
    start = i;
  }
  batch.sentence_ends.push_back(batch.keys.size());
  batch.words += static_cast<std::int64_t>(sentence.size());
}

void PhraseCounter::take_apart_lines(std::string_view lines, Batch& batch) const {
  std::vector<std::string_view> sentence;
  for_each_line(lines, [&](std::string_view line) {
    split(line, sentence);
    take_apart(sentence, batch);
  });
}

void PhraseCounter::count_keys(const Batch& batch, std::size_t begin, std::size_t end) {
  const std::string_view bytes = batch.bytes;
  counts.reserve(counts.size() + static_cast<std::int64_t>(end - begin));
  for (std::size_t i = begin; i < end; ++i) {
    if (i + kSlotsAhead < end) counts.prefetch_slot(batch.keys[i + kSlotsAhead].hash);
    if (i + kRecordsAhead < end) counts.prefetch_record(batch.keys[i + kRecordsAhead].hash);
    const Batch::Key& key = batch.keys[i];
    ++counts.at(bytes.substr(key.begin, key.length), key.hash);
  }
}

void PhraseCounter::count(Batch& batch) {
  if (counts.size() + static_cast<std::int64_t>(batch.keys.size()) <= max_entries_) {
    count_keys(batch, 0, batch.keys.size());
  } else {
    // The bound is looked at after every sentence, so that what is pruned does not depend on the batches.
    std::size_t begin = 0;
    for (const std::size_t end : batch.sentence_ends) {
      count_keys(batch, begin, end);
      prune_if_full();
      begin = end;
    }
  }
  words += batch.words;
  sentences += static_cast<std::int64_t>(batch.sentence_ends.size());
  batch.clear();
}

void PhraseCounter::add_sentence(WordSpan sentence) {
  take_apart(sentence, pending_);
  if (pending_.keys.size() >= kPending) flush();
}

void PhraseCounter::flush() { count(pending_); }

void PhraseCounter::add_text(std::string_view lines, int threads) {
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n', std::min(kPiece, lines.size()));
    const std::string_view piece = lines.substr(0, end == lines.npos ? end : end + 1);
    lines.remove_prefix(piece.size());
    // One thread counts a batch while another takes the next piece apart.
    parallel_for(2, threads, [&](std::int64_t task, int) {
      if (task == 0) count(pending_);
      if (task == 1) take_apart_lines(piece, next_);
    });
    std::swap(pending_, next_);
  }
}

void PhraseCounter::prune_if_full() {
  if (counts.size() <= max_entries_) return;
  counts.keep_at_least(min_reduce);
  ++min_reduce;
}

void PhraseCounter::merge(const PhraseCounter& other) {
  for (std::uint64_t place = 0; place < other.counts.end();) {
    const auto r = other.counts.record(place);
    counts.at(r.key) += r.value;
    place = r.next;
  }
  min_reduce = std::max(min_reduce, other.min_reduce);
  prune_if_full();
}

Score make_score(Scoring scoring, std::int64_t vocabulary, double min_count, std::int64_t corpus_words) {
  if (scoring == Scoring::kNpmi) {
    return [=](const Counts& c) {
      if (static_cast<double>(c.phrase) < min_count) return kNever;
      const auto total = static_cast<double>(corpus_words);
      const double p_first = static_cast<double>(c.first) / total, p_last = static_cast<double>(c.last) / total;
      const double p_phrase = static_cast<double>(c.phrase) / total;
      const double score = std::log(p_phrase / (p_first * p_last)) / -std::log(p_phrase);
      return std::isnan(score) ? kNever : score;
    };
  }
  return [=](const Counts& c) {
    const double both = static_cast<double>(c.first) * static_cast<double>(c.last);
    return (static_cast<double>(c.phrase) - min_count) / both * static_cast<double>(vocabulary);
  };
}

PhraseFinder::PhraseFinder(const PhraseCounter& counter, Score score, double threshold)
    : shape(counter.shape), threshold(threshold), counts_(&counter.counts), score_(std::move(score)) {}

PhraseFinder::PhraseFinder(const PhraseShape& s, const StringTable<double>& phrases, double threshold)
    : shape(s), threshold(threshold), phrases_(&phrases) {}

double PhraseFinder::score(WordSpan words) {
  joined_.clear();
  shape.join(words, joined_);
  const double found = score_joined(words.front(), words.back());
  return found > threshold ? found : kNone;
}

// The score of the phrase in joined_.
double PhraseFinder::score_joined(std::string_view first, std::string_view last) {
  if (phrases_) {
    const double* score = phrases_->find(joined_);
    return score ? *score : kNever;
  }
  const std::int64_t* phrase = counts_->find(joined_);
  return phrase ? score_counted(*phrase, first, last) : kNever;
}

double PhraseFinder::score_counted(std::int64_t phrase, std::string_view first, std::string_view last) const {
  if (phrase <= 0) return kNever;
  const std::int64_t* a = counts_->find(first);
  const std::int64_t* b = counts_->find(last);
  return a && b && *a > 0 && *b > 0 ? score_({*a, *b, phrase}) : kNever;
}

void PhraseFinder::segment(WordSpan words, std::vector<Segment>& out) {
  out.clear();
  constexpr std::int64_t none = -1;
  std::int64_t start = none;  // the word that may begin a phrase
  const auto n = static_cast<std::int64_t>(words.size());
  const auto single = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) out.push_back({i, i + 1, kNone});
  };
  for (std::int64_t i = 0; i < n; ++i) {
    if (shape.is_connector(words[i], StringTable<double>::hash(words[i]))) {
      if (start == none) single(i, i + 1);
      continue;
    }
    if (start != none) {
      const double found = score(words.subspan(start, i + 1 - start));
      if (!std::isnan(found)) {
        out.push_back({start, i + 1, found});
        start = none;
        continue;
      }
      single(start, i);
    }
    start = i;
  }
  if (start != none) single(start, n);
}

void PhraseFinder::rewrite(std::string_view lines, std::string& out) {
  for_each_line(lines, [&](std::string_view line) {
    split(line, line_);
    segment(line_, segments_);
    for (const Segment& s : segments_) {
      if (s.begin) out += ' ';
      shape.join(WordSpan(line_).subspan(s.begin, s.end - s.begin), out);
    }
    out += '\n';
  });
}

void PhraseFinder::export_phrases(const std::function<void(std::string_view, double)>& found) const {
  if (!counts_) throw std::logic_error("a frozen finder has no counts to export");
  const std::string& delimiter = shape.delimiter;
  for (std::uint64_t place = 0; place < counts_->end();) {
    const auto r = counts_->record(place);
    place = r.next;
    const std::size_t first = r.key.find(delimiter);
    if (first == r.key.npos) continue;
    // Delimiters are found from the left without overlap, as Python's str.split finds them.
    std::size_t last = first;
    for (std::size_t next; (next = r.key.find(delimiter, last + delimiter.size())) != r.key.npos;) last = next;
    const double score = score_counted(r.value, r.key.substr(0, first), r.key.substr(last + delimiter.size()));
    if (score > threshold) found(r.key, score);
  }
}

}  // namespace lexigrad
