// Which words stand near which: rows of a sparse matrix of counts, from a stream of word ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lexigrad {

// Sparse rows, one after another: row r is [offsets[r], offsets[r + 1]) of columns, which rise, and values.
struct SparseRows {
  const std::int64_t* offsets;
  const std::int32_t* columns;
  const float* values;
};

// What parallel tasks made of consecutive ranges of rows.
struct RowBlock {
  std::vector<std::int64_t> sizes;  // of each row
  std::vector<std::int32_t> columns;
  std::vector<float> values;
};

// What is counted: entry (r, c) is the sum, over the words r of the stream, of weights[d - 1] for each c that follows r
// in its sentence at a distance d of at most the window; with `symmetric` also for each that precedes it.
struct Neighbourhood {
  std::vector<double> weights;  // (window)
  bool symmetric;
};

// Counts one stretch of a stream, row by row: where each word stands is found first, so that a thread owns a row, sums
// it in an array of the vocabulary's size and writes it once. Sums are float64 and in the order of the text: rows do
// not depend on the number of threads.
class CooccurrenceCounter {
 public:
  // Of `tokens`, word ids below `vocabulary` and -1 at the end of a sentence, the words at [begin, end) are counted,
  // with neighbours on either side of the stretch. `tokens` must outlive the counter. Throws std::invalid_argument on
  // other ids and on stretches of 2^32 tokens or more.
  CooccurrenceCounter(std::span<const std::int32_t> tokens, std::int64_t begin, std::int64_t end,
                      std::int32_t vocabulary, Neighbourhood neighbourhood, int threads);

  std::int64_t most_entries(std::int64_t row) const;  // that a row can have

  // The rows [first, last), in blocks of consecutive rows.
  std::vector<RowBlock> rows(std::int64_t first, std::int64_t last) const;

 private:
  const std::span<const std::int32_t> tokens_;
  const std::int64_t begin_;
  const std::int32_t vocabulary_;
  const Neighbourhood neighbourhood_;
  const int threads_;
  std::vector<std::int64_t> starts_;   // (vocabulary + 1) of each word's places
  std::vector<std::uint32_t> places_;  // after begin_, word by word
};

// The sums of the rows [first, last) of several matrices of the same shape.
std::vector<RowBlock> merged_rows(std::span<const SparseRows> parts, std::int64_t first, std::int64_t last,
                                  std::int32_t columns, int threads);

// Positive pointwise mutual information, in place (Levy, Goldberg and Dagan 2015, with the context distribution's
// exponent `smoothing` and the shift log k):
//   log(n(r, c) / n(r)) - log(n(c)^smoothing / sum_c n(c)^smoothing) - log_shift,
// kept where it is above 0. row_logs are log n(r), column_logs the logarithm of the smoothed share of c. Rows move
// together; offsets (rows + 1) are rewritten and the number of entries left is returned.
std::int64_t positive_information(std::int64_t rows, std::int64_t* offsets, std::int32_t* columns, float* values,
                                  const double* row_logs, const double* column_logs, double log_shift, int threads);

// One row for each sentence of a stream: its words and how often they occur in it.
std::vector<RowBlock> sentence_rows(std::span<const std::int32_t> tokens, std::int32_t vocabulary, int threads);

}  // namespace lexigrad
