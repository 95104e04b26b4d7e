// Rows of vector files, parsed from and formatted into blocks of bytes. What is parsed comes from strangers: every
// length is checked against the block, and a bad row is described, never read past.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lexigrad {

constexpr std::size_t kMaxWordBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxLineBytes = std::size_t{1} << 24;

// Where parsed rows go: `count` rows of `dim` floats, contiguous.
struct RowTarget {
  float* data;
  std::int64_t count, dim;
};

struct ParsedRows {
  std::string words;                 // of the rows parsed, each followed by '\n'
  std::vector<std::int64_t> starts;  // where each row begins in the block; as many as rows were parsed
  std::int64_t consumed = 0;         // bytes up to the end of the last row parsed
  std::string fault;                 // what is wrong with the row that begins at `consumed`; empty: nothing is
  bool blank = false;                // an empty line begins at `consumed`
};

// word2vec binary: the word, a space, dim little-endian floats; line breaks before a word are skipped.
// Stops before the first row that the block holds only in part.
ParsedRows parse_binary_rows(std::string_view block, const RowTarget& out, int threads);

enum class Label { none, word };

// Text: with Label::word the word (which may hold spaces), then dim numbers, between spaces or tabs. The block's
// last line counts only if a line break ends it or `last` says that no more bytes follow.
ParsedRows parse_text_rows(std::string_view block, bool last, Label label, const RowTarget& out, int threads);

// How many numbers end the first line of the block, leaving one field for the word with Label::word.
std::int64_t count_text_columns(std::string_view block, Label label);

// What stands before each row's numbers: row r has bytes[offsets[r]] to bytes[offsets[r + 1]].
struct RowLabels {
  const char* bytes;
  const std::int64_t* offsets;
};

struct RowSource {
  const float* data;
  std::int64_t count, dim, stride;  // stride in floats
};

// Each row as its label and its floats' bytes.
std::string format_binary_rows(const RowLabels& labels, const RowSource& rows);

struct TextStyle {
  char separator;
  double scientific_from;  // 1e16 or 1e6, as the version of NumPy has it
};

// Each row as its label, its numbers between separators and '\n'. A number has the fewest digits that give back the
// same float32, written as NumPy writes a scalar: 0.1, -3.0, 1e-05, 1.5e+16.
std::string format_text_rows(const RowLabels& labels, const RowSource& rows, const TextStyle& style, int threads);

}  // namespace lexigrad
