// Clipping of gradients: norms, scaling, limits.
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr auto step = static_cast<std::int64_t>(W);

double sum_of_squares(const float* x, std::int64_t size) {
  constexpr std::int64_t half = step / 2;
  D sums[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * half <= size; i += 4 * half) {
    for (int k = 0; k < 4; ++k) {
      const D v = widen(x + i + k * half);
      sums[k] += v * v;
    }
  }
  double total = sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < size; ++i) total += static_cast<double>(x[i]) * x[i];
  return total;
}

float greatest_magnitude(const float* x, std::int64_t size) {
  F high{};
  I nan{};
  for (std::int64_t i = 0; i < size; i += step) {
    const F v = i + step <= size ? load(x + i) : load_first(x + i, size - i, 0);
    high = max(high, max(v, -v));
    nan |= v != v;
  }
  return any(nan) ? __builtin_nanf("") : greatest(high);
}

void scale(float* x, std::int64_t size, float factor) {
  std::int64_t i = 0;
  for (; i + step <= size; i += step) store(x + i, load(x + i) * splat(factor));
  for (; i < size; ++i) x[i] *= factor;
}

void clamp(float* x, std::int64_t size, float limit) {
  // A comparison with NaN is false: NaN stays.
  const auto clamped = [limit](F v) {
    v = select(v > splat(limit), splat(limit), v);
    return select(v < splat(-limit), splat(-limit), v);
  };
  std::int64_t i = 0;
  for (; i + step <= size; i += step) store(x + i, clamped(load(x + i)));
  store_first(x + i, clamped(load_first(x + i, size - i, 0)), size - i);
}

}  // namespace

void fill_clip(Kernels& table) {
  table.sum_of_squares = sum_of_squares;
  table.greatest_magnitude = greatest_magnitude;
  table.scale = scale;
  table.clamp = clamp;
}

}  // namespace lexigrad::LEXIGRAD_ISA
