// Phrases: words that stand together more often than chance would have it (Mikolov et al. 2013).
//
// Words and phrases share one table, keyed by their bytes; a phrase's key is its words joined by a delimiter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lexigrad {

// Strings to 8-byte values, in order of insertion: open addressing over one growing block of records.
template <typename Value>
class StringTable {
 public:
  static std::uint64_t hash(std::string_view key);

  // The value of a key, added as zero when it is new. The reference holds until the next insertion.
  Value& at(std::string_view key) { return at(key, hash(key)); }
  Value& at(std::string_view key, std::uint64_t hash);
  const Value* find(std::string_view key) const { return find(key, hash(key)); }
  const Value* find(std::string_view key, std::uint64_t hash) const;

  std::int64_t size() const { return size_; }
  void reserve(std::int64_t entries);
  void keep_at_least(Value minimum);  // drops every entry whose value is smaller

  // Iteration: the record at `place`, whose successor is at `next`; it ends at end().
  struct Record {
    std::string_view key;
    Value value;
    std::uint64_t next;
  };
  std::uint64_t end() const { return used_; }
  Record record(std::uint64_t place) const;

  // Two steps of fetching what at(key, hash) will need.
  void prefetch_slot(std::uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }
  void prefetch_record(std::uint64_t hash) const { __builtin_prefetch(&block_.get()[slots_[hash & mask_].place]); }

 private:
  struct Slot {
    std::uint32_t place = 0;  // 1 + the record's place; 0: free
    std::uint32_t tag = 0;    // high half of the hash
  };
  struct Free {
    void operator()(std::uint64_t* block) const;
  };

  void rebuild(std::size_t slots);
  Slot* free_slot(std::uint64_t hash);
  std::uint64_t append(std::string_view key, Value value);
  void grow_block(std::uint64_t words);

  std::vector<Slot> slots_ = std::vector<Slot>(64);
  std::uint64_t mask_ = 63;
  std::unique_ptr<std::uint64_t, Free> block_;  // records: value, length, bytes padded to 8
  std::uint64_t used_ = 0, capacity_ = 0;       // in words of 8 bytes
  std::int64_t size_ = 0;
};

using WordSpan = std::span<const std::string_view>;

// What a phrase is made of: the delimiter, and the words that may stand inside a phrase but not at its ends.
class PhraseShape {
 public:
  PhraseShape(std::string delimiter, const std::vector<std::string>& connector_words);

  bool is_connector(std::string_view word, std::uint64_t hash) const { return connectors_.find(word, hash) != nullptr; }
  void join(WordSpan words, std::string& out) const;  // appends

  const std::string delimiter;

 private:
  StringTable<std::int64_t> connectors_;
};

// Counts of words and phrases in a corpus, bounded by `max_entries`: when a sentence leaves more, the rarest go.
class PhraseCounter {
 public:
  PhraseCounter(std::string delimiter, const std::vector<std::string>& connector_words, std::int64_t max_entries);

  void add_sentence(WordSpan sentence);
  void add_text(std::string_view lines, int threads);  // a sentence a line, words between ASCII white space
  void flush();                            // counts what is pending; to be called before the counts are read
  void merge(const PhraseCounter& other);  // adds its counts, not its totals of words and sentences

  const PhraseShape shape;
  StringTable<std::int64_t> counts;
  std::int64_t words = 0, sentences = 0;
  std::int64_t min_reduce = 1;  // the count below which the next pruning drops entries

 private:
  // Sentences taken apart into the keys to count, with their hashes.
  struct Batch {
    struct Key {
      std::uint64_t hash;
      std::uint32_t begin, length;
    };
    std::string bytes;
    std::vector<Key> keys;
    std::vector<std::size_t> sentence_ends;  // in keys
    std::int64_t words = 0;

    void push(std::size_t begin, std::uint64_t hash);
    void clear();
  };

  void take_apart(WordSpan sentence, Batch& batch) const;
  void take_apart_lines(std::string_view lines, Batch& batch) const;
  void count(Batch& batch);
  void count_keys(const Batch& batch, std::size_t begin, std::size_t end);
  void prune_if_full();

  const std::int64_t max_entries_;
  Batch pending_, next_;
};

enum class Scoring { kDefault, kNpmi };

struct Counts {
  std::int64_t first, last, phrase;  // occurrences of the first word, the last word and the whole phrase
};

// The score of a candidate; minus infinity when it can be no phrase.
using Score = std::function<double(const Counts&)>;
Score make_score(Scoring scoring, std::int64_t vocabulary, double min_count, std::int64_t corpus_words);

// A run of words that becomes one token. score is NaN for a single word that is part of no phrase.
struct Segment {
  std::int64_t begin, end;
  double score;
};

// Finds phrases by live counts and a score, or in a table of scored phrases.
class PhraseFinder {
 public:
  PhraseFinder(const PhraseCounter& counter, Score score, double threshold);
  PhraseFinder(const PhraseShape& shape, const StringTable<double>& phrases, double threshold);

  void segment(WordSpan words, std::vector<Segment>& out);
  double score(WordSpan words);  // of one candidate, at least one word; NaN when it is no phrase
  void rewrite(std::string_view lines, std::string& out);  // appends the lines with phrases joined

  // Every phrase among the counts, split at its delimiters; only of a finder that looks into live counts.
  void export_phrases(const std::function<void(std::string_view phrase, double score)>& found) const;

  const PhraseShape& shape;
  double threshold;  // a phrase's score is greater

 private:
  double score_joined(std::string_view first, std::string_view last);
  double score_counted(std::int64_t phrase, std::string_view first, std::string_view last) const;

  const StringTable<std::int64_t>* counts_ = nullptr;
  const StringTable<double>* phrases_ = nullptr;
  Score score_;
  std::string joined_;
  std::vector<std::string_view> line_;
  std::vector<Segment> segments_;
};

}  // namespace lexigrad
