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
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t row = a.indices ? a.indices[i] : i;
    a.out[i] = dot(a.rows + row * a.stride, a.query, a.size);
  }
}

void row_norms(const RowNorms& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float* row = a.rows + i * a.stride;
    const float square = dot(row, row, a.size);
    if (square > 1e-30f && square < 1e30f) {
      a.out[i] = __builtin_sqrtf(square);
      continue;
    }
    double exact = 0;
    for (std::int64_t d = 0; d < a.size; ++d) exact += static_cast<double>(row[d]) * row[d];
    a.out[i] = static_cast<float>(__builtin_sqrt(exact));
  }
}

INLINE float magnitude(float x) { return x < 0 ? -x : x; }

float largest_magnitude(const float* row, std::int64_t size) {
  constexpr auto step = static_cast<std::int64_t>(W);
  F high{};
  std::int64_t i = 0;
  for (; i + step <= size; i += step) {
    const F v = load(row + i);
    high = max(high, max(v, -v));
  }
  float result = 0;
  for (std::size_t lane = 0; lane < W; ++lane) result = high[lane] > result ? high[lane] : result;
  for (; i < size; ++i) result = magnitude(row[i]) > result ? magnitude(row[i]) : result;
  return result;
}

// Adding this float leaves the nearest integer in the low bits.
constexpr float kRounder = 12582912.0f;

INLINE I nearest_integer(F v) { return as_int(v + splat(kRounder)) - as_int(splat(kRounder)); }

// Writes the codes of row / norm in units of `scale`; returns the squared length of what they leave out.
float quantise(const float* row, std::int64_t size, float norm, float scale, std::int8_t* codes) {
  constexpr auto step = static_cast<std::int64_t>(W);
  typedef std::int8_t Bytes __attribute__((vector_size(W), aligned(1), may_alias));
  F left{};
  const F per_unit = splat(1.0f / scale);
  for (std::int64_t i = 0; i < size; i += step) {
    F values{};
    if (i + step <= size) {
      values = load(row + i);
    } else {
      for (std::int64_t lane = 0; i + lane < size; ++lane) values[lane] = row[i + lane];
    }
    values /= splat(norm);
    const I code = nearest_integer(values * per_unit);
    *reinterpret_cast<Bytes*>(codes + i) = __builtin_convertvector(code, Bytes);
    const F residual = values - splat(scale) * __builtin_convertvector(code, F);
    left += residual * residual;
  }
  return sum(left);
}

void quantise_rows(const QuantiseRows& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    const float* row = a.rows + i * a.stride;
    std::int8_t* codes = a.codes + i * a.width;
    for (std::int64_t d = 0; d < a.width; ++d) codes[d] = 0;
    const float norm = a.norms[i];
    a.scales[i] = norm - norm;  // 0, or NaN where the norm is not finite
    a.errors[i] = 0;
    if (!(norm > 0) || a.scales[i] != 0) continue;
    if (norm < 1e-30f || norm > 1e30f) {
      a.errors[i] = __builtin_inff();  // float32 products of such a row are not sure to be near: let it always pass
      continue;
    }
    a.scales[i] = largest_magnitude(row, a.size) / norm / 127;
    // The factor and the term cover the rounding of this very computation.
    a.errors[i] = __builtin_sqrtf(quantise(row, a.size, norm, a.scales[i], codes)) * 1.001f + 1e-6f;
  }
}

// Rows that are multiplied with G queries at once: their products fill whole vectors.
template <int G>
constexpr int kRowsOf = static_cast<int>(W) / G > 4 ? static_cast<int>(W) / G : 4;

// Inner products of R rows with each of G queries: query g's with row r in out[g * R + r].
template <int G, int R>
INLINE void code_dots(const std::int8_t* const (&rows)[R], const std::int16_t* queries, std::int64_t width,
                      std::int32_t* out) {
  typedef std::int16_t UnalignedH __attribute__((vector_size(4 * W), aligned(2), may_alias));
  I totals[G * R]{};
  for (std::int64_t d = 0; d < width; d += 2 * static_cast<std::int64_t>(W)) {
    H codes[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      prefetch_read(rows[r] + d + 4096);
      codes[r] = widen(rows[r] + d);
    }
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) {
      const H query = *reinterpret_cast<const UnalignedH*>(queries + g * width + d);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) totals[g * R + r] = add_pairs(totals[g * R + r], codes[r], query);
    }
  }
  for (int j = 0; j < G * R; j += static_cast<int>(W)) *reinterpret_cast<I*>(out + j) = sums(totals + j);
}

// The screen for G neighbouring queries, from the q-th on.
template <int G>
void screen_group(const Screen& a, std::int64_t begin, std::int64_t end, std::int64_t q) {
  constexpr int R = kRowsOf<G>;
  alignas(64) std::int32_t dots[G][kScreenRows];
  for (std::int64_t i = begin; i < end; i += R) {
    const std::int8_t* rows[R];
    for (std::int64_t r = 0; r < R; ++r) rows[r] = a.codes + (i + r < end ? i + r : end - 1) * a.width;
    alignas(64) std::int32_t some[G * R];
    code_dots<G>(rows, a.queries + q * a.width, a.width, some);
    for (int g = 0; g < G; ++g) __builtin_memcpy(&dots[g][i - begin], some + g * R, R * sizeof some[0]);
  }
  constexpr auto step = static_cast<std::int64_t>(W);
  typedef std::int32_t UnalignedI __attribute__((vector_size(4 * W), aligned(4), may_alias));
  for (int g = 0; g < G; ++g) {
    const float unit = a.units[q + g], weight = a.weights[q + g], bar = a.bars[q + g];
    std::int64_t* passed = a.passed + (q + g) * kScreenRows;
    std::int64_t count = 0;
    for (std::int64_t i = begin; i < end; i += step) {
      const std::int32_t* d = &dots[g][i - begin];
      if (i + step <= end) {
        const F values = __builtin_convertvector(static_cast<I>(*reinterpret_cast<const UnalignedI*>(d)), F);
        const F limits = values * (splat(unit) * load(a.scales + i)) + splat(weight) * load(a.errors + i);
        if (!any(limits >= splat(bar))) continue;
      }
      for (std::int64_t r = i; r < i + step && r < end; ++r) {
        const float limit = static_cast<float>(d[r - i]) * (unit * a.scales[r]) + weight * a.errors[r];
        if (limit >= bar) passed[count++] = r;
      }
    }
    a.passes[q + g] = count;
  }
}

void screen(const Screen& a, std::int64_t begin, std::int64_t end) {
  constexpr int G = W == 16 ? 4 : 2;  // as many as the registers hold
  std::int64_t q = 0;
  for (; q + G <= a.count; q += G) screen_group<G>(a, begin, end, q);
  for (; q < a.count; ++q) screen_group<1>(a, begin, end, q);
}

}  // namespace

void fill_similarity(Kernels& table) {
  table.row_dots = row_dots;
  table.row_norms = row_norms;
  table.quantise_rows = quantise_rows;
  table.screen = screen;
}

}  // namespace lexigrad::LEXIGRAD_ISA
