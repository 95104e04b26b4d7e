// Corpora to streams of word ids, spooled to a file: one pass over the text counts and encodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "core/tokenizer.h"
#include "core/vocabulary.h"

namespace lexigrad {

constexpr std::int32_t kEndOfSentence = -1;  // in a stream of ids; empty sentences have none, unless asked for
constexpr int kNoSpool = -1;

// A part [begin, end) of a file that is open for reading and `size` bytes long. It owns the words that start and the
// sentences that end in it; the file's last piece ends a sentence too.
struct FilePiece {
  int file;
  std::int64_t begin, end, size;
};

// Words that were split by someone else. `text` has kTextPadding bytes to spare.
struct WordList {
  std::vector<char> text;
  Words words;
};

// What stopped a scan.
struct Fault {
  enum Kind { kNone, kNotUtf8, kWordTooLong, kFileShrank, kReadFailed, kSpoolFailed };
  Kind kind = kNone;
  std::int64_t piece = 0;   // index of the piece
  std::int64_t offset = 0;  // in bytes from the start of its text
  int error = 0;            // errno of the call that failed
};

struct Totals {
  std::int64_t raw_words = 0;  // all of the corpus, as far as it has been read
  std::int64_t sentences = 0;  // those that have a word
  std::int64_t words = 0;      // those in the stream
  std::int64_t length = 0;     // items of the stream: words and ends of sentences
};

// What one piece of a corpus gives.
struct Encoded {
  std::vector<std::int32_t> ids;  // starts with kEndOfSentence if a sentence may end before its first word
  Totals totals;                  // of the piece alone; `sentences` leaves out one that ends before the first word
  bool break_first = false;       // a sentence ends before the first word of the text
  bool break_inside = false;      // a sentence ends anywhere
  bool word_last = false;         // the text goes on after the last end of sentence
  int worker = 0;
  std::int32_t types = 0;  // words in the worker's table after this piece
};

// Appends pieces to a file in their order, whoever finishes first.
class StreamWriter {
 public:
  struct Segment {
    std::int32_t length, worker, types;
  };

  StreamWriter(int file, bool every_end) : file_(file), every_end_(every_end) {}

  void start_batch(std::int64_t pieces);  // pieces 0 to pieces - 1 are going to follow
  std::vector<std::int32_t> buffer();     // for the ids of a piece; submit() takes it back
  void submit(std::int64_t piece, Encoded&& encoded);

  int error() const { return error_; }  // errno of the first write that failed, or 0
  const Totals& totals() const { return totals_; }
  const std::vector<Segment>& segments() const { return segments_; }

 private:
  struct Waiting {
    bool ready = false;
    Encoded encoded;
    std::size_t begin = 0;
    std::int64_t place = 0;
  };

  void settle(Waiting& piece);

  const int file_;
  const bool every_end_;
  std::mutex mutex_;
  std::vector<Waiting> batch_;
  std::size_t next_ = 0;
  std::vector<std::vector<std::int32_t>> spare_;
  std::vector<Segment> segments_;
  Totals totals_;
  bool stream_open_ = false, sentence_open_ = false;  // in the stream; in the text, unknown words included
  int error_ = 0;
};

// Reads a corpus piece by piece, on several threads. Without a table it counts words and numbers them; with a spool it
// also writes these provisional ids, which finish() replaces. With a table and a spool it writes the table's ids.
// Pieces keep the order of the corpus: results do not depend on the number of threads.
class CorpusScanner {
 public:
  // `spool` is a file open for reading and writing, or kNoSpool. `frozen`, the table, must outlive the scanner. With
  // `every_end` sentences (lines) without a known word have their end in the stream too, so that it counts them.
  CorpusScanner(int threads, int spool, const WordTable* frozen, bool every_end = false);

  // Counts on one thread and calls `prune` after each sentence, or 10,000 words of one, that leaves more than `limit`
  // words in the table. Before anything is scanned, without spool and table.
  void limit_table(std::int64_t limit, std::function<void(WordTable&)> prune);

  Fault scan_files(const std::vector<FilePiece>& pieces);
  // The next part of a text that comes in parts, cut into pieces of `piece_size`; the last part ends a sentence.
  Fault scan_bytes(const char* data, std::size_t size, bool last, std::size_t piece_size);
  Fault scan_lists(std::span<const WordList> lists);

  const Totals& totals() const { return writer_.totals(); }

  // Ends the count: all words in order of first appearance.
  const WordTable& merge();

  // Starts to rewrite the spool with final_ids[id] for each id of the merged table, without the kUnknown.
  void start_finish(const std::vector<std::int32_t>& final_ids);
  // Rewrites the next `pieces` pieces; false once all are done.
  bool finish(std::int64_t pieces, Fault& fault);
  const Totals& final_totals() const { return final_writer_.totals(); }

 private:
  struct Worker {
    WordTable table;
    std::vector<char> text;
    Words words;
    std::vector<std::int32_t> ids;
    std::vector<std::int32_t> merged;  // id in this table -> id in the merged one
    std::vector<std::int32_t> finals;  // id in this table + 1 -> final id; first comes kEndOfSentence
  };

  Fault scan(std::int64_t pieces, const std::function<Fault(std::int64_t, Worker&)>& body);
  Fault encode(std::int64_t piece, Worker& worker, const char* text, std::int64_t offset, const Words& words);
  std::size_t look_up(Worker& worker, const char* text, const Words& words);
  void end_sentence();
  void end_text(char last_byte, Words& words) const;

  const int threads_, spool_;
  const bool every_end_;
  const WordTable* const frozen_;
  std::vector<Worker> workers_;
  StreamWriter writer_, final_writer_;

  std::vector<char> pending_;  // scan_bytes: the start of a word that the next part goes on with
  std::int64_t pending_offset_ = 0;
  char last_byte_ = '\n';  // of the text so far

  std::int64_t limit_ = 0;
  std::function<void(WordTable&)> prune_;
  std::size_t words_since_check_ = 0;

  std::size_t next_segment_ = 0;
  std::int64_t next_place_ = 0;
};

}  // namespace lexigrad
