// Words and their counts: a hash table from word to id, ids in order of first appearance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "core/pages.h"
#include "core/tokenizer.h"

namespace lexigrad {

constexpr std::size_t kPrefetchAhead = 16;       // for loops over many words
constexpr std::int32_t kUnknown = -2;            // the id of a word that is not in the table
constexpr std::size_t kLongestWord = 64u << 20;  // bytes; longer ones are refused by the readers

// Open addressing over slots of 32 bytes that hold all of a word of up to 16 bytes: a look-up takes one cache miss.
// Longer words lie in an arena.
class WordTable {
 public:
  WordTable();

  std::int32_t size() const { return static_cast<std::int32_t>(places_.size()); }
  std::string_view word(std::int32_t id) const;
  std::int64_t count(std::int32_t id) const { return slot(id).count; }

  void prefetch(std::int32_t id) const { __builtin_prefetch(&slot(id)); }

  // The id of a word, or kUnknown. Any memory will do: nothing is read past the word's end.
  std::int32_t find(std::string_view word) const;
  // The same, entering the word if it is new; adds to its count.
  std::int32_t add(std::string_view word, std::int64_t count);

  // Looks up words[first, last) of `text`, which must have kTextPadding readable bytes after its end, and writes their
  // ids to ids[first, last). `count_words` adds one to the count of each and enters new words; `find_words` writes
  // kUnknown for those. Both check that new words are valid UTF-8 and stop at one that is not.
  // Returns where they stopped: `last`, if all is well.
  std::size_t count_words(const char* text, const Words& words, std::size_t first, std::size_t last, std::int32_t* ids);
  std::size_t find_words(const char* text, const Words& words, std::size_t first, std::size_t last,
                         std::int32_t* ids) const;

  // Adds the words and counts of another table; ids[id] becomes the id here of its word id.
  void merge(const WordTable& other, std::vector<std::int32_t>& ids);
  // Removes all words but those that `keep` wants; the others keep their order.
  void retain(const std::function<bool(std::string_view word, std::int64_t count)>& keep);
  // Gives each word the id ranks[id], a permutation.
  void renumber(const std::vector<std::int32_t>& ranks);
  // Sorts ids by falling count, equal counts in the order of their bytes.
  void sort(std::vector<std::int32_t>& ids) const;

 private:
  struct Key {
    std::uint64_t low, high;  // the word's bytes, zero-padded; of a long word, `low` is a hash
    std::uint64_t hash;
    std::uint32_t length;
  };
  struct Slot {
    std::uint64_t low, high;  // as in Key, but for a long word `high` is its place in the arena
    std::int64_t count;
    std::uint32_t length;
    std::int32_t number;  // id + 1; 0 is an empty slot
  };
  static_assert(sizeof(Slot) == 32);

  static Key padded_key(const char* word, std::size_t length);  // reads 16 bytes even of a shorter word
  static Key long_key(const char* word, std::size_t length);
  static Key key_of(std::string_view word);
  static Key key_of(const Slot& slot);
  const Slot& slot(std::int32_t id) const { return slots_[places_[static_cast<std::size_t>(id)]]; }
  const char* bytes(const Slot& slot) const;
  bool equal(const Slot& slot, const Key& key, const char* word) const;
  std::size_t probe(const Key& key, const char* word) const;
  std::int32_t add(const Key& key, const char* word, std::int64_t count);
  void insert(std::size_t place, const Key& key, const char* word);
  void reserve(std::size_t more);
  template <bool kCount, typename Table>
  static std::size_t look_up(Table& table, const char* text, const Words& words, std::size_t first, std::size_t last,
                             std::int32_t* ids);

  std::vector<Slot, PageAllocator<Slot>> slots_;
  std::vector<std::uint32_t> places_;  // of each id's slot
  std::vector<char> arena_;
  std::size_t mask_;
};

}  // namespace lexigrad
