// Vectors of W floats, as GNU vector extensions: the one place that knows how wide the machine is.
//
// Every kernel file is compiled once per instruction set with LEXIGRAD_ISA naming the set, and everything
// here has internal linkage, so that code of one set can never stand in for code of another.
#pragma once

#include <cstddef>
#include <cstdint>

#define INLINE inline __attribute__((always_inline))

namespace lexigrad::LEXIGRAD_ISA {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t W = 16;
#elif defined(__AVX2__)
constexpr std::size_t W = 8;
#else
constexpr std::size_t W = 4;
#endif

typedef float F __attribute__((vector_size(4 * W)));
typedef std::int32_t I __attribute__((vector_size(4 * W)));
typedef float UnalignedF __attribute__((vector_size(4 * W), aligned(4), may_alias));

INLINE F load(const float* p) { return *reinterpret_cast<const UnalignedF*>(p); }
INLINE void store(float* p, F v) { *reinterpret_cast<UnalignedF*>(p) = v; }
INLINE F splat(float x) { return x - F{}; }
INLINE F select(I mask, F a, F b) { return mask ? a : b; }
INLINE F min(F a, F b) { return a < b ? a : b; }
INLINE F max(F a, F b) { return a > b ? a : b; }

// Bits of a float as an integer and back.
INLINE I as_int(F v) { return reinterpret_cast<I>(v); }
INLINE F as_float(I v) { return reinterpret_cast<F>(v); }

INLINE float sum(F v) {
  float total = 0;
#if defined(__AVX512F__)
  typedef float F8 __attribute__((vector_size(32)));
  F8 low = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
  F8 high = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  F8 half = low + high;
#elif defined(__AVX2__)
  F half = v;
#endif
  typedef float F4 __attribute__((vector_size(16)));
#if defined(__AVX2__)
  F4 quarter = __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
#else
  F4 quarter = v;
#endif
  quarter += __builtin_shufflevector(quarter, quarter, 2, 3, 0, 1);
  total = quarter[0] + quarter[1];
  return total;
}

INLINE void prefetch_read(const void* p) { __builtin_prefetch(p, 0, 3); }
INLINE void prefetch_write(const void* p) { __builtin_prefetch(p, 1, 3); }

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
