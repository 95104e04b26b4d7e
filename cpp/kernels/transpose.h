// Squares of W x W floats, transposed in registers.
#pragma once

#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// a0 b0 a1 b1 ..., of the first halves of two vectors and of the second ones.
INLINE F interleave_low(F a, F b) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#elif defined(__AVX2__)
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#else
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#endif
}
INLINE F interleave_high(F a, F b) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif defined(__AVX2__)
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
}

// W vectors as the columns of W others: log2 W perfect shuffles of all their lanes.
INLINE void transpose(F* a) {
  F b[W];
#pragma GCC unroll 4
  for (std::size_t size = W; size > 1; size /= 2) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < W / 2; ++i) {
      b[2 * i] = interleave_low(a[i], a[i + W / 2]);
      b[2 * i + 1] = interleave_high(a[i], a[i + W / 2]);
    }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < W; ++i) a[i] = b[i];
  }
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
