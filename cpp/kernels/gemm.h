// Products of few rows with a matrix, for use inside fused loops. Three forms:
//
// - tiles of packed weights: kTileRows rows times kPanel columns in registers, at the speed of the arithmetic;
// - dot products with the rows of a matrix as it stands, for too few rows to pay for packing;
// - sums of the rows of a matrix as it stands, for the transposed product of such few rows.
//
// Each element of a result is summed in the same order whatever rows and columns are computed beside it, so that
// results do not depend on how work is split between threads.
#pragma once

#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// A panel is two vectors wide: packed weights are [panel][k][kPanel].
constexpr std::int64_t kPanel = 2 * static_cast<std::int64_t>(W);
constexpr std::int64_t kLine = 16;    // floats in a cache line
constexpr std::int64_t kDepth = 256;  // so many rows of a panel stay in L1 while the rows of the other matrix pass
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kAccumulators = 24;  // of 32 registers
#else
constexpr int kAccumulators = 12;  // of 16 registers
#endif
constexpr int kTileRows = kAccumulators / 2;  // of one panel

INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
INLINE std::int64_t blocks_of(std::int64_t size, std::int64_t most) { return (size + most - 1) / most; }

// The part [begin, end) of a size that is cut into pieces of about equal size.
struct Piece {
  std::int64_t begin, end;
};
INLINE Piece piece(std::int64_t size, std::int64_t pieces, std::int64_t which) {
  return {size * which / pieces, size * (which + 1) / pieces};
}

// Where the results of a tile go.
struct TileOut {
  float* const* rows;         // R rows
  std::ptrdiff_t next_panel;  // floats from a panel's columns to those of the next one
  const float* bias;          // of the panels, one after the other; or null
  bool add;                   // to what is there
  const float* ahead;         // what will be needed after this: depth lines of it are asked for
};

// out[m][p] (+)= sum over k in [0, depth) of a(m, k) panels[p][k] (+ bias[p]), for R rows and P panels.
// The rows of a are a[0..R), or interleaved at a[0]: a(m, k) = a[0][k R + m].
template <int R, int P, bool kInterleaved>
void tile(const float* const* a, const float* panels, std::ptrdiff_t panel_size, std::int64_t depth,
          const TileOut& out) {
  const float* row[kInterleaved ? 1 : R];
#pragma GCC unroll 12
  for (int m = 0; m < (kInterleaved ? 1 : R); ++m) row[m] = a[m];
  F acc[P * 2][R] = {};
  for (std::int64_t k = 0; k < depth; ++k) {
    __builtin_prefetch(out.ahead + k * kLine, 0, 2);
    if constexpr (R < 2 * P) {
      F x[R];
#pragma GCC unroll 12
      for (int m = 0; m < R; ++m) x[m] = splat(kInterleaved ? row[0][k * R + m] : row[kInterleaved ? 0 : m][k]);
#pragma GCC unroll 8
      for (int v = 0; v < 2 * P; ++v) {
        const F w = load(panels + (v / 2) * panel_size + k * kPanel + (v % 2) * static_cast<std::ptrdiff_t>(W));
#pragma GCC unroll 12
        for (int m = 0; m < R; ++m) acc[v][m] += x[m] * w;
      }
    } else {
      F w[2 * P];
#pragma GCC unroll 8
      for (int v = 0; v < 2 * P; ++v) {
        w[v] = load(panels + (v / 2) * panel_size + k * kPanel + (v % 2) * static_cast<std::ptrdiff_t>(W));
      }
#pragma GCC unroll 12
      for (int m = 0; m < R; ++m) {
        const F x = splat(kInterleaved ? row[0][k * R + m] : row[kInterleaved ? 0 : m][k]);
#pragma GCC unroll 8
        for (int v = 0; v < 2 * P; ++v) acc[v][m] += x * w[v];
      }
    }
  }
#pragma GCC unroll 12
  for (int m = 0; m < R; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < 2 * P; ++v) {
      F r = acc[v][m];
      if (out.bias) r += load(out.bias + v * static_cast<std::ptrdiff_t>(W));
      float* to = out.rows[m] + (v / 2) * out.next_panel + (v % 2) * static_cast<std::ptrdiff_t>(W);
      if (out.add) r += load(to);
      store(to, r);
    }
  }
}

using Tile = void (*)(const float* const*, const float*, std::ptrdiff_t, std::int64_t, const TileOut&);

// Panels that a tile of so many rows takes at once: what the registers hold, at most four.
constexpr int panels_at_once(int rows) {
  const int most = kAccumulators / (2 * rows);
  return most > 4 ? 4 : most;
}

// The same for the tiles of any number of rows.
INLINE int panels_together(std::int64_t rows) {
  return panels_at_once(static_cast<int>(rows < 1 ? 1 : smaller(rows, kTileRows)));
}

template <int R, int P, bool kInterleaved>
constexpr Tile tile_if_it_fits() {
  if constexpr (P <= panels_at_once(R)) return tile<R, P, kInterleaved>;
  return nullptr;
}

template <int R, bool kInterleaved>
constexpr Tile tiles_of_rows[4] = {tile_if_it_fits<R, 1, kInterleaved>(), tile_if_it_fits<R, 2, kInterleaved>(),
                                   tile_if_it_fits<R, 3, kInterleaved>(), tile_if_it_fits<R, 4, kInterleaved>()};
template <bool kInterleaved>
constexpr const Tile* tiles[kTileRows] = {
    tiles_of_rows<1, kInterleaved>,  tiles_of_rows<2, kInterleaved>,  tiles_of_rows<3, kInterleaved>,
    tiles_of_rows<4, kInterleaved>,  tiles_of_rows<5, kInterleaved>,  tiles_of_rows<6, kInterleaved>,
#if defined(__AVX512F__) || defined(__aarch64__)
    tiles_of_rows<7, kInterleaved>,  tiles_of_rows<8, kInterleaved>,  tiles_of_rows<9, kInterleaved>,
    tiles_of_rows<10, kInterleaved>, tiles_of_rows<11, kInterleaved>, tiles_of_rows<12, kInterleaved>,
#endif
};

// out[m][column..] (+)= a[m][k..] times the panels [0, count), for k in a piece of the depth. The panels at `ahead`
// are on their way into the cache afterwards.
INLINE void multiply_panels(const float* const* a, std::int64_t rows, const float* panels, std::ptrdiff_t panel_size,
                            int count, Piece k, float* const* out, std::ptrdiff_t column, std::ptrdiff_t next_panel,
                            const float* bias, bool add, const float* ahead) {
  const std::int64_t row_tiles = blocks_of(rows, kTileRows);
  for (std::int64_t t = 0; t < row_tiles; ++t) {
    const Piece m = piece(rows, row_tiles, t);
    const auto R = m.end - m.begin;
    const float* a_rows[kTileRows];
    float* c_rows[kTileRows];
    for (std::int64_t i = 0; i < R; ++i) {
      a_rows[i] = a[m.begin + i] + k.begin;
      c_rows[i] = out[m.begin + i] + column;
    }
    const int at_once = panels_at_once(static_cast<int>(R));
    for (int p = 0; p < count; p += at_once) {
      const int P = count - p < at_once ? count - p : at_once;
      float* c_panel[kTileRows];
      for (std::int64_t i = 0; i < R; ++i) c_panel[i] = c_rows[i] + p * next_panel;
      const TileOut to{c_panel, next_panel, bias ? bias + p * kPanel : nullptr, add, ahead};
      tiles<false>[R - 1][P - 1](a_rows, panels + p * panel_size + k.begin * kPanel, panel_size, k.end - k.begin, to);
      ahead += (k.end - k.begin) * kLine;
    }
  }
}

// R rows of a times C rows of b, as dot products: out[m * C + n] = a[m] . b[n].
template <int R, int C>
INLINE void dot_tile(const float* const* a, const float* const* b, std::int64_t size, float* out) {
  constexpr auto step = static_cast<std::int64_t>(W);
  constexpr int padded = (R * C + static_cast<int>(W) - 1) / static_cast<int>(W) * static_cast<int>(W);
  F acc[padded] = {};
  std::int64_t k = 0;
  for (; k + step <= size; k += step) {
    F x[R];
#pragma GCC unroll 4
    for (int m = 0; m < R; ++m) x[m] = load(a[m] + k);
#pragma GCC unroll 16
    for (int n = 0; n < C; ++n) {
      const F y = load(b[n] + k);
#pragma GCC unroll 4
      for (int m = 0; m < R; ++m) acc[m * C + n] += x[m] * y;
    }
  }
  if (k < size) {
    const auto left = static_cast<std::size_t>(size - k);
    F x[R];
#pragma GCC unroll 4
    for (int m = 0; m < R; ++m) x[m] = load_first(a[m] + k, left);
#pragma GCC unroll 16
    for (int n = 0; n < C; ++n) {
      const F y = load_first(b[n] + k, left);
#pragma GCC unroll 4
      for (int m = 0; m < R; ++m) acc[m * C + n] += x[m] * y;
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < padded; j += static_cast<int>(W)) store(out + j, sums(acc + j));
}

template <int R, int C>
void dot_block(const float* const* a, const float* b, std::int64_t stride, std::int64_t size, float* const* out,
               std::int64_t column) {
  const float* b_rows[C];
  for (int n = 0; n < C; ++n) b_rows[n] = b + n * stride;
  if constexpr (R == 1 && C == static_cast<int>(W)) {
    dot_tile<R, C>(a, b_rows, size, out[0] + column);
    return;
  }
  float dense[(static_cast<std::size_t>(R * C) + W - 1) / W * W];
  dot_tile<R, C>(a, b_rows, size, dense);
  for (int m = 0; m < R; ++m) {
    for (int n = 0; n < C; ++n) out[m][column + n] = dense[m * C + n];
  }
}

// out[m][column + n] = a[m] . b[n] for R rows of a and `count` rows of b.
template <int R>
void dots_of_rows(const float* const* a, const float* b, std::int64_t stride, std::int64_t count, std::int64_t size,
                  float* const* out, std::int64_t column) {
  constexpr int C = R == 1 ? static_cast<int>(W) : 4;
  std::int64_t n = 0;
  for (; n + C <= count; n += C) dot_block<R, C>(a, b + n * stride, stride, size, out, column + n);
  for (; n < count; ++n) dot_block<R, 1>(a, b + n * stride, stride, size, out, column + n);
}

INLINE void dots(const float* const* a, std::int64_t rows, const float* b, std::int64_t stride, std::int64_t count,
                 std::int64_t size, float* const* out, std::int64_t column) {
  const std::int64_t row_tiles = blocks_of(rows, 3);
  for (std::int64_t t = 0; t < row_tiles; ++t) {
    const Piece m = piece(rows, row_tiles, t);
    const auto R = m.end - m.begin;
    const auto block = R == 1 ? dots_of_rows<1> : R == 2 ? dots_of_rows<2> : dots_of_rows<3>;
    block(a + m.begin, b, stride, count, size, out + m.begin, column);
  }
}

// out[m][begin..end) += sum over K rows of b, from `first` on, of a[m][first + k] b[k][begin..end), one k after the
// other.
template <int R, int K>
void add_rows(const float* const* a, std::int64_t first, const float* const* b, float* const* out, std::int64_t begin,
              std::int64_t end) {
  constexpr auto step = static_cast<std::int64_t>(W);
  F x[R * K];
#pragma GCC unroll 4
  for (int m = 0; m < R; ++m) {
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) x[m * K + k] = splat(a[m][first + k]);
  }
  for (std::int64_t j = begin; j < end; j += step) {
    const auto n = static_cast<std::size_t>(smaller(end - j, step));
    F y[R];
#pragma GCC unroll 4
    for (int m = 0; m < R; ++m) y[m] = load_up_to(out[m] + j, n);
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) {
      const F w = load_up_to(b[k] + j, n);
#pragma GCC unroll 4
      for (int m = 0; m < R; ++m) y[m] += x[m * K + k] * w;
    }
#pragma GCC unroll 4
    for (int m = 0; m < R; ++m) store_up_to(out[m] + j, y[m], n);
  }
}

template <int R>
void add_all_rows(const float* const* a, const float* const* b, std::int64_t depth, float* const* out,
                  std::int64_t begin, std::int64_t end) {
  constexpr int K = 8 / R;
  std::int64_t k = 0;
  for (; k + K <= depth; k += K) add_rows<R, K>(a, k, b + k, out, begin, end);
  for (; k < depth; ++k) add_rows<R, 1>(a, k, b + k, out, begin, end);
}

// out[m][begin..end) += sum over k of a[m][k] b[k][begin..end), k in rising order.
INLINE void add_products(const float* const* a, std::int64_t rows, const float* const* b, std::int64_t depth,
                         float* const* out, std::int64_t begin, std::int64_t end) {
  std::int64_t m = 0;
  for (; m + 4 <= rows; m += 4) add_all_rows<4>(a + m, b, depth, out + m, begin, end);
  if (rows - m >= 2) {
    add_all_rows<2>(a + m, b, depth, out + m, begin, end);
    m += 2;
  }
  if (m < rows) add_all_rows<1>(a + m, b, depth, out + m, begin, end);
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
