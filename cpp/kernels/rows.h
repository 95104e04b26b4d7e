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

// The greatest value of a row, NaN where there is a NaN.
INLINE float row_max(const float* x, std::int64_t size) {
  F high[4] = {splat(-kInfinity), splat(-kInfinity), splat(-kInfinity), splat(-kInfinity)};
  I nan{};
  std::int64_t i = 0;
  for (; i + 4 * step <= size; i += 4 * step) {
    for (int k = 0; k < 4; ++k) {
      const F v = load(x + i + k * step);
      high[k] = max(high[k], v);
      nan |= v != v;
    }
  }
  for (; i < size; i += step) {
    const F v = i + step <= size ? load(x + i) : load_first(x + i, size - i, -kInfinity);
    high[0] = max(high[0], v);
    nan |= v != v;
  }
  return any(nan) ? kNan : greatest(max(max(high[0], high[1]), max(high[2], high[3])));
}

INLINE bool finite(float x) { return x - x == 0; }

INLINE void fill_row(float* row, std::int64_t size, float value) {
  for (std::int64_t i = 0; i < size; ++i) row[i] = value;
}

// e = exp(x - high), left in `e` if that is not null; returns the sum. Meanwhile `next`, the row that follows, comes
// near.
INLINE double exps(const float* x, std::int64_t size, float high, float* e, const float* next) {
  double total = 0;
  for (std::int64_t begin = 0; begin < size; begin += kBlock) {
    const std::int64_t end = begin + kBlock < size ? begin + kBlock : size;
    F sums[2] = {};
    std::int64_t i = begin;
    for (; i + 2 * step <= end; i += 2 * step) {
      if (next && i % kLine == 0) prefetch_read(next + i);
      for (int k = 0; k < 2; ++k) {
        const F v = exp_or_zero(load(x + i + k * step) - splat(high));
        sums[k] += v;
        if (e) store(e + i + k * step, v);
      }
    }
    for (; i < end; i += step) {
      const std::int64_t count = end - i < step ? end - i : step;
      const F v = exp_or_zero(load_first(x + i, count, -kInfinity) - splat(high));
      sums[0] += v;
      if (e) store_first(e + i, v, count);
    }
    total += sum(sums[0] + sums[1]);
  }
  return total;
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
