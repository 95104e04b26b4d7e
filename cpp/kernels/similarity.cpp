// Similarity of a query with many rows.
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

float dot(const float* a, const float* b, std::int64_t size) {
  constexpr auto step = static_cast<std::int64_t>(W);
  F s0{}, s1{}, s2{}, s3{};
  std::int64_t i = 0;
  for (; i + 4 * step <= size; i += 4 * step) {
    s0 += load(a + i) * load(b + i);
    s1 += load(a + i + step) * load(b + i + step);
    s2 += load(a + i + 2 * step) * load(b + i + 2 * step);
    s3 += load(a + i + 3 * step) * load(b + i + 3 * step);
  }
  for (; i + step <= size; i += step) s0 += load(a + i) * load(b + i);
  float total = sum((s0 + s1) + (s2 + s3));
  for (; i < size; ++i) total += a[i] * b[i];
  return total;
}

void row_dots(const RowDots& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) a.out[i] = dot(a.rows + i * a.stride, a.query, a.size);
}

}  // namespace

void fill_similarity(Kernels& table) { table.row_dots = row_dots; }

}  // namespace lexigrad::LEXIGRAD_ISA
