// The two small products of a training step, between M input rows and N output rows of a model.
//
// Rows are reached through pointers (they lie anywhere in the matrices), have `size` floats, a multiple of W, and
// stay where they are: a window's few rows are in L1, and copying them into a dense matrix for a library's sgemm
// costs more than the product itself. Blocks of kBlockRows x kBlockColumns accumulators live in registers.
#pragma once

#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kBlockColumns = 8;    // 32 registers: 24 accumulators, 3 rows, 1 column
constexpr int kUpdateColumns = 12;  // 12 columns before and 12 after
#else
constexpr int kBlockColumns = 4;  // 16 registers: 12 accumulators, 3 rows, 1 column
constexpr int kUpdateColumns = 6;
#endif
constexpr int kBlockRows = 3;

// Input rows of one step, at most.
constexpr int kMostRows = 16;

// Floats from one row of an (M, N) array of scores or gradients to the next.
INLINE std::ptrdiff_t padded_columns(int N) {
  constexpr int unit = static_cast<int>(W) > kBlockColumns ? static_cast<int>(W) : kBlockColumns;
  return (static_cast<std::ptrdiff_t>(N) + unit - 1) / unit * unit;
}

// scores[m * ld + k] = a[m] . b[k] for an R x C block. Writes all kBlockColumns places of each row.
template <int R, int C>
void score_block(const float* const* a, const float* const* b, std::size_t size, float* scores, std::ptrdiff_t ld) {
  constexpr int step = static_cast<int>(W);
  constexpr int places = (R * kBlockColumns + step - 1) / step * step;
  F acc[places] = {};
  for (std::size_t i = 0; i < size; i += W) {
    F x[R];
#pragma GCC unroll 8
    for (int m = 0; m < R; ++m) x[m] = load(a[m] + i);
#pragma GCC unroll 8
    for (int k = 0; k < C; ++k) {
      const F y = load(b[k] + i);
#pragma GCC unroll 8
      for (int m = 0; m < R; ++m) acc[m * kBlockColumns + k] += x[m] * y;
    }
  }
  float dense[places];
#pragma GCC unroll 8
  for (int j = 0; j < places; j += step) store(dense + j, sums(acc + j));
#pragma GCC unroll 8
  for (int m = 0; m < R; ++m) {
    __builtin_memcpy(scores + m * ld, dense + m * kBlockColumns, kBlockColumns * sizeof(float));
  }
}

using ScoreBlock = void (*)(const float* const*, const float* const*, std::size_t, float*, std::ptrdiff_t);

template <int C>
constexpr ScoreBlock score_blocks_of_columns[kBlockRows] = {score_block<1, C>, score_block<2, C>, score_block<3, C>};

INLINE ScoreBlock score_block_for(int rows, int columns) {
  static constexpr const ScoreBlock* blocks[kBlockColumns] = {
      score_blocks_of_columns<1>, score_blocks_of_columns<2>, score_blocks_of_columns<3>, score_blocks_of_columns<4>,
#if defined(__AVX512F__) || defined(__aarch64__)
      score_blocks_of_columns<5>, score_blocks_of_columns<6>, score_blocks_of_columns<7>, score_blocks_of_columns<8>,
#endif
  };
  return blocks[columns - 1][rows - 1];
}

// The next of `left` blocks of about equal width that cover what remains.
INLINE int share(int remaining, int left) { return (remaining + left - 1) / left; }
INLINE int blocks_for(int count, int width) { return (count + width - 1) / width; }

// scores (M, N) = A B^T, padded_columns(N) floats from row to row; what stands in the padding is of no meaning.
INLINE void scores(const float* const* a, int M, const float* const* b, int N, std::size_t size, float* scores) {
  const std::ptrdiff_t ld = padded_columns(N);
  for (int k = 0, across = blocks_for(N, kBlockColumns); across > 0; --across) {
    const int columns = share(N - k, across);
    for (int m = 0, down = blocks_for(M, kBlockRows); down > 0; --down) {
      const int rows = share(M - m, down);
      score_block_for(rows, columns)(a + m, b + k, size, scores + m * ld + k, ld);
      m += rows;
    }
    k += columns;
  }
}

// Rows that a later step needs. They are asked for line by line while a step computes: asked for all at once they would
// wait for each other, and the step for them.
struct Ahead {
  const float** rows;
  int count = 0;

  INLINE void add(const float* row) { rows[count++] = row; }
  INLINE void prefetch(std::size_t i) const {
    for (int k = 0; k < count; ++k) prefetch_write(rows[k] + i);
  }
};

constexpr std::size_t kLine = 16;  // floats in a cache line

// Columns [0, C) of b at one place of the rows:  y[m] += sum_k G[m, k] b[k];  b[k] += sum_m G[m, k] a[m].
// y[m] starts at 0 where these are the first columns, and is added to step[m] where they are the last.
template <int C, bool First, bool Final>
INLINE void update_columns(const float* const* a, float* const* step, int M, float* const* b, std::size_t i,
                           const float* g, std::ptrdiff_t ld, F* partial) {
  F before[C], after[C];
#pragma GCC unroll 12
  for (int k = 0; k < C; ++k) before[k] = after[k] = load(b[k] + i);
  for (int m = 0; m < M; ++m) {
    const F x = load(a[m] + i);
    F y = Final ? load(step[m] + i) : F{};
    if (!First) y += partial[m];
#pragma GCC unroll 12
    for (int k = 0; k < C; ++k) {
      const F gradient = splat(g[k]);
      y += gradient * before[k];
      after[k] += gradient * x;
    }
    if (Final) {
      store(step[m] + i, y);
    } else {
      partial[m] = y;
    }
    g += ld;
  }
#pragma GCC unroll 12
  for (int k = 0; k < C; ++k) store(b[k] + i, after[k]);
}

// All N columns, kUpdateColumns at a time and Last at the end.
template <int Last>
void update_block(const float* const* a, float* const* step, int M, float* const* b, int N, std::size_t size,
                  const float* g, const Ahead& ahead) {
  constexpr int columns = kUpdateColumns;
  const std::ptrdiff_t ld = padded_columns(N);
  F partial[kMostRows];
  for (std::size_t i = 0; i < size; i += W) {
    if (i % kLine == 0) ahead.prefetch(i);
    if (N == Last) {
      update_columns<Last, true, true>(a, step, M, b, i, g, ld, partial);
      continue;
    }
    update_columns<columns, true, false>(a, step, M, b, i, g, ld, partial);
    int k = columns;
    for (; N - k > columns; k += columns) {
      update_columns<columns, false, false>(a, step, M, b + k, i, g + k, ld, partial);
    }
    update_columns<Last, false, true>(a, step, M, b + k, i, g + k, ld, partial);
  }
}

using UpdateBlock = void (*)(const float* const*, float* const*, int, float* const*, int, std::size_t, const float*,
                             const Ahead&);

constexpr UpdateBlock update_blocks[kUpdateColumns] = {
    update_block<1>, update_block<2>, update_block<3>, update_block<4>,  update_block<5>,  update_block<6>,
#if defined(__AVX512F__) || defined(__aarch64__)
    update_block<7>, update_block<8>, update_block<9>, update_block<10>, update_block<11>, update_block<12>,
#endif
};

// The same for one row, in which nothing is left to share but the gradients of neighbouring places.
template <int Places>
INLINE void update_single_places(const float* a, float* step, float* const* b, int N, std::size_t i, const float* g) {
  F x[Places], y[Places];
  for (int p = 0; p < Places; ++p) {
    x[p] = load(a + i + p * W);
    y[p] = load(step + i + p * W);
  }
  for (int k = 0; k < N; ++k) {
    const F gradient = splat(g[k]);
    float* row = b[k] + i;
#pragma GCC unroll 4
    for (int p = 0; p < Places; ++p) {
      const F before = load(row + p * W);
      y[p] += gradient * before;
      store(row + p * W, before + gradient * x[p]);
    }
  }
  for (int p = 0; p < Places; ++p) store(step + i + p * W, y[p]);
}

inline void update_single(const float* a, float* step, float* const* b, int N, std::size_t size, const float* g,
                          const Ahead& ahead) {
  constexpr std::size_t places = 4;
  std::size_t i = 0;
  for (; i + places * W <= size; i += places * W) {
    for (std::size_t line = i; line < i + places * W; line += kLine) ahead.prefetch(line);
    update_single_places<places>(a, step, b, N, i, g);
  }
  for (; i < size; i += W) {
    if (i % kLine == 0) ahead.prefetch(i);
    update_single_places<1>(a, step, b, N, i, g);
  }
}

// With G (M, N), laid out as the scores, M <= kMostRows and the rows as they were:
//   step[m] += sum_k G[m, k] b[k];  b[k] += sum_m G[m, k] a[m].
// step[m] may be a[m] itself where no row stands twice among the a. Prefetches the rows of `ahead`, once.
INLINE void update(const float* const* a, float* const* step, int M, float* const* b, int N, std::size_t size,
                   const float* g, Ahead& ahead) {
  if (M == 1) {
    update_single(a[0], step[0], b, N, size, g, ahead);
  } else {
    update_blocks[(N - 1) % kUpdateColumns](a, step, M, b, N, size, g, ahead);
  }
  ahead.count = 0;
}

// The same with b left as it is:  step[m] += sum_k G[m, k] b[k].
inline void accumulate(float* const* step, int M, float* const* b, int N, std::size_t size, const float* g,
                       Ahead& ahead) {
  constexpr std::size_t places = 4;
  const std::ptrdiff_t ld = padded_columns(N);
  for (int m = 0; m < M; ++m, g += ld) {
    std::size_t i = 0;
    for (; i + places * W <= size; i += places * W) {
      for (std::size_t line = i; line < i + places * W && m == 0; line += kLine) ahead.prefetch(line);
      F y[places];
      for (std::size_t p = 0; p < places; ++p) y[p] = load(step[m] + i + p * W);
      for (int k = 0; k < N; ++k) {
        const F gradient = splat(g[k]);
        for (std::size_t p = 0; p < places; ++p) y[p] += gradient * load(b[k] + i + p * W);
      }
      for (std::size_t p = 0; p < places; ++p) store(step[m] + i + p * W, y[p]);
    }
    for (; i < size; i += W) {
      if (i % kLine == 0 && m == 0) ahead.prefetch(i);
      F y = load(step[m] + i);
      for (int k = 0; k < N; ++k) y += splat(g[k]) * load(b[k] + i);
      store(step[m] + i, y);
    }
  }
  ahead.count = 0;
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
