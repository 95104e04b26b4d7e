// Every kernel, declared once: its arguments and its place in the table that dispatch fills for this CPU.
//
// Kernels are pure: one range of work, one thread, raw pointers, no allocation, no exceptions, no Python.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lexigrad {

// Inner products of rows with one query: out[i] = rows[i] . query, for i in [begin, end).
struct RowDots {
  const float* rows;    // (n, size), `stride` floats from row to row
  std::int64_t stride;
  std::int64_t size;
  const float* query;   // (size)
  float* out;           // (n)
};

struct Kernels {
  const char* isa;      // "baseline", "avx2", "avx512"
  int width;            // floats in a vector register
  void (*row_dots)(const RowDots&, std::int64_t begin, std::int64_t end);
};

}  // namespace lexigrad
