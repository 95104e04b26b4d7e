// Every kernel, declared once: its arguments and its place in the table that dispatch fills for this CPU.
//
// Kernels are pure: one range of work, one thread, raw pointers, no allocation, no exceptions, no Python.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lexigrad {

// Inner products of rows with one query: out[i] = rows[i] . query, for i in [begin, end).
// With `indices`, out[i] = rows[indices[i]] . query.
struct RowDots {
  const float* rows;  // (n, size), `stride` floats from row to row
  std::int64_t stride;
  std::int64_t size;
  const float* query;           // (size)
  const std::int64_t* indices;  // null: the rows themselves
  float* out;
};

// Euclidean lengths: out[i] = |rows[i]|, for i in [begin, end); no overflow nor underflow on the way.
struct RowNorms {
  const float* rows;  // (n, size), `stride` floats from row to row
  std::int64_t stride;
  std::int64_t size;
  float* out;  // (n)
};

// Unit rows in a byte per value, for i in [begin, end): rows[i] / norms[i] = scales[i] codes[i] + a residual that
// is no longer than errors[i]. A row of zeros is all zero; one with NaN or infinity has a NaN scale.
struct QuantiseRows {
  const float* rows;  // (n, size), `stride` floats from row to row
  std::int64_t stride;
  std::int64_t size;
  const float* norms;  // (n)
  std::int8_t* codes;  // (n, width), zero from `size` on
  std::int64_t width;  // a multiple of kCodeWidth
  float* scales;       // (n)
  float* errors;       // (n)
};

// Which of the rows [begin, end), at most kScreenRows, can be as similar to a query as its bar demands:
//   units[q] scales[i] (codes[i] . queries[q]) + weights[q] errors[i] >= bars[q].
struct Screen {
  const std::int8_t* codes;
  std::int64_t width;
  const float* scales;
  const float* errors;
  const std::int16_t* queries;  // (count, width)
  std::int64_t count;
  const float* units;    // (count)
  const float* weights;  // (count)
  const float* bars;     // (count)
  std::int64_t* passed;  // (count, kScreenRows): the rows that pass
  std::int64_t* passes;  // (count): how many do
};

constexpr std::int64_t kCodeWidth = 32;
constexpr std::int64_t kScreenRows = 64;

struct Kernels {
  const char* isa;  // "baseline", "avx2", "avx512"
  int width;        // floats in a vector register
  void (*row_dots)(const RowDots&, std::int64_t begin, std::int64_t end);
  void (*row_norms)(const RowNorms&, std::int64_t begin, std::int64_t end);
  void (*quantise_rows)(const QuantiseRows&, std::int64_t begin, std::int64_t end);
  void (*screen)(const Screen&, std::int64_t begin, std::int64_t end);
};

}  // namespace lexigrad
