// Text to words: tokens are what stands between ASCII whitespace, and '\n' ends a sentence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace lexigrad {

// Bytes that may be read (not used) past the end of any text handed to the tokenizer or to a WordTable.
constexpr std::size_t kTextPadding = 64;

// Space, \t, \n, \v, \f, \r; never a byte of a longer UTF-8 sequence.
inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The words of a piece of text, in order: word i is text[starts[i], ends[i]).
struct Words {
  std::size_t size = 0;
  std::vector<std::uint32_t> starts, ends;  // at least `size` long: they are buffers that only grow
  std::vector<std::uint32_t> breaks;        // how many words come before each end of sentence

  void clear();
  void push(std::uint32_t start, std::uint32_t end);
};

// Replaces `words` by those of text[0, size); a word cut off by the end of the text counts as whole.
// Reads up to kTextPadding bytes more; size must be below 2^32.
void tokenize(const char* text, std::size_t size, Words& words);

// The place of the first byte that is not valid UTF-8 (overlong forms and surrogates are not), or -1.
std::ptrdiff_t find_invalid_utf8(std::string_view text);

}  // namespace lexigrad
