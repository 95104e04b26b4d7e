// What kernels need of a row of floats: its greatest value, its exponentials, sums and products.
#pragma once

#include "kernels/mathfun.h"
#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr auto step = static_cast<std::int64_t>(W);
constexpr std::int64_t kBlock = 2048;  // floats whose exponentials are added in float32
constexpr std::int64_t kLine = 16;     // floats in a cache line
constexpr float kInfinity = __builtin_inff();
constexpr float kNan = __builtin_nanf("");

// The greatest value of a row without NaN.
INLINE float row_max(const float* x, std::int64_t size) {
  F high[4] = {splat(-kInfinity), splat(-kInfinity), splat(-kInfinity), splat(-kInfinity)};
  std::int64_t i = 0;
  for (; i + 4 * step <= size; i += 4 * step) {
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) high[k] = max(high[k], load(x + i + k * step));
  }
  for (; i < size; i += step) {
    high[0] = max(high[0], i + step <= size ? load(x + i) : load_first(x + i, size - i, -kInfinity));
  }
  return greatest(max(max(high[0], high[1]), max(high[2], high[3])));
}

INLINE void fill_row(float* row, std::int64_t size, float value) {
  std::int64_t i = 0;
  for (; i + step <= size; i += step) store(row + i, splat(value));
  for (; i < size; ++i) row[i] = value;
}

// e = exp(x - high), left in `e` if that is not null; returns the sum, which is NaN where a value is NaN or +infinity
// or where all are -infinity. Meanwhile `next`, the row that follows, comes near.
template <bool keep>
INLINE double exps_of(const float* x, std::int64_t size, float high, float* e, const float* next) {
  constexpr int unroll = 4;
  double total = 0;
  for (std::int64_t begin = 0; begin < size; begin += kBlock) {
    const std::int64_t end = begin + kBlock < size ? begin + kBlock : size;
    F sums[unroll] = {};
    std::int64_t i = begin;
    for (; i + unroll * step <= end; i += unroll * step) {
#pragma GCC unroll 4
      for (int k = 0; k < unroll; k += kLine / step > 1 ? kLine / step : 1) prefetch_read(next + i + k * step);
#pragma GCC unroll 4
      for (int k = 0; k < unroll; ++k) {
        const F v = exp_or_zero(load(x + i + k * step) - splat(high));
        sums[k] += v;
        if constexpr (keep) store(e + i + k * step, v);
      }
    }
    for (; i < end; i += step) {
      const std::int64_t count = end - i < step ? end - i : step;
      const F v = exp_or_zero(load_first(x + i, count, -kInfinity) - splat(high));
      sums[0] += v;
      if constexpr (keep) store_first(e + i, v, count);
    }
    total += sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  return total;
}

INLINE double exps(const float* x, std::int64_t size, float high, float* e, const float* next) {
  return e ? exps_of<true>(x, size, high, e, next) : exps_of<false>(x, size, high, e, next);
}

INLINE float dot(const float* a, const float* b, std::int64_t size) {
  F total{};
  std::int64_t i = 0;
  for (; i + step <= size; i += step) total += load(a + i) * load(b + i);
  float result = sum(total);
  for (; i < size; ++i) result += a[i] * b[i];
  return result;
}

INLINE float row_sum(const float* x, std::int64_t size) {
  F total{};
  std::int64_t i = 0;
  for (; i + step <= size; i += step) total += load(x + i);
  float result = sum(total);
  for (; i < size; ++i) result += x[i];
  return result;
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
