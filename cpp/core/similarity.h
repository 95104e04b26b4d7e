// Exact search for the rows most similar to each of many queries.
#pragma once

#include <cstdint>

namespace lexigrad {

// Rows to search: float32, and their compact copy as quantise_rows makes it.
struct Searched {
  const float* rows;  // (n, size), `stride` floats from row to row
  std::int64_t stride;
  std::int64_t size;
  const float* norms;        // (n)
  const std::int8_t* codes;  // (n, width)
  std::int64_t width;
  const float* scales;      // (n)
  const float* errors;      // (n)
  std::int64_t begin, end;  // the rows to look at
};

// One row of results per query: the best `topn` of rows . query / norm, best first, ties by rising index.
// A row of length 0 has similarity 0. Rows with NaN are never results; unused places hold -1 and NaN.
struct Neighbours {
  const float* queries;  // (count, size)
  std::int64_t count;
  const std::int64_t* excluded;          // rows that are no answer to a query
  const std::int64_t* excluded_offsets;  // (count + 1): excluded[offsets[q], offsets[q + 1]) belong to query q
  std::int64_t topn;
  std::int64_t* indices;  // (count, topn)
  float* scores;          // (count, topn)
};

// The result is that of scoring every row in float32, whatever the number of threads: the compact copy only tells
// which rows cannot be among the best, by a proven bound on its error.
void find_neighbours(const Searched&, const Neighbours&, int threads);

}  // namespace lexigrad
