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
constexpr int kBlockRows = 4;       // 32 registers: 24 accumulators, 4 rows, 1 column
constexpr int kUpdateColumns = 12;  // 12 columns before and 12 after
#else
constexpr int kBlockRows = 2;  // 16 registers: 12 accumulators, 2 rows, 1 column
constexpr int kUpdateColumns = 6;
#endif
constexpr int kBlockColumns = 6;

// scores[m * ld + k] = a[m] . b[k] for an R x C block. May write up to W - 1 floats past the block's last score.
template <int R, int C>
void score_block(const float* const* a, const float* const* b, std::size_t size, float* scores, std::ptrdiff_t ld) {
  constexpr int step = static_cast<int>(W);
  constexpr int padded = (R * C + step - 1) / step * step;
  F acc[padded] = {};
  for (std::size_t i = 0; i < size; i += W) {
    F x[R];
#pragma GCC unroll 8
    for (int m = 0; m < R; ++m) x[m] = load(a[m] + i);
#pragma GCC unroll 8
    for (int k = 0; k < C; ++k) {
      const F y = load(b[k] + i);
#pragma GCC unroll 8
      for (int m = 0; m < R; ++m) acc[m * C + k] += x[m] * y;
    }
  }
  if (ld == C) {
#pragma GCC unroll 8
    for (int j = 0; j < padded; j += step) store(scores + j, sums(acc + j));
    return;
  }
  float dense[padded];
#pragma GCC unroll 8
  for (int j = 0; j < padded; j += step) store(dense + j, sums(acc + j));
  for (int m = 0; m < R; ++m) {
    for (int k = 0; k < C; ++k) scores[m * ld + k] = dense[m * C + k];
  }
}

using ScoreBlock = void (*)(const float* const*, const float* const*, std::size_t, float*, std::ptrdiff_t);

template <int R>
constexpr ScoreBlock score_blocks_of_rows[kBlockColumns] = {score_block<R, 1>, score_block<R, 2>, score_block<R, 3>,
                                                            score_block<R, 4>, score_block<R, 5>, score_block<R, 6>};

INLINE ScoreBlock score_block_for(int rows, int columns) {
#if defined(__AVX512F__) || defined(__aarch64__)
  if (rows == 4) return score_blocks_of_rows<4>[columns - 1];
  if (rows == 3) return score_blocks_of_rows<3>[columns - 1];
#endif
  if (rows == 2) return score_blocks_of_rows<2>[columns - 1];
  return score_blocks_of_rows<1>[columns - 1];
}

INLINE int smaller(int a, int b) { return a < b ? a : b; }

// scores (M, N) = A B^T. `scores` needs room for W floats past its end.
INLINE void scores(const float* const* a, int M, const float* const* b, int N, std::size_t size, float* scores) {
  for (int k = 0; k < N; k += kBlockColumns) {
    const int columns = smaller(kBlockColumns, N - k);
    for (int m = 0; m < M; m += kBlockRows) {
      const int rows = smaller(kBlockRows, M - m);
      score_block_for(rows, columns)(a + m, b + k, size, scores + static_cast<std::ptrdiff_t>(m) * N + k, N);
    }
  }
}

// With G (M, N) and the rows as they were:  step[m] += sum_k G[m, k] b[k];  b[k] += sum_m G[m, k] a[m].
// step[m] may be a[m] itself. A row that stands twice among the a sees its first update at its second turn.
template <int C>
void update_block(const float* const* a, float* const* step, int M, float* const* b, std::size_t size, const float* g,
                  std::ptrdiff_t ld) {
  for (std::size_t i = 0; i < size; i += W) {
    F before[C], after[C];
#pragma GCC unroll 12
    for (int k = 0; k < C; ++k) before[k] = after[k] = load(b[k] + i);
    for (int m = 0; m < M; ++m) {
      const F x = load(a[m] + i);
      F y = load(step[m] + i);
#pragma GCC unroll 12
      for (int k = 0; k < C; ++k) {
        const F gradient = splat(g[m * ld + k]);
        y += gradient * before[k];
        after[k] += gradient * x;
      }
      store(step[m] + i, y);
    }
#pragma GCC unroll 12
    for (int k = 0; k < C; ++k) store(b[k] + i, after[k]);
  }
}

using UpdateBlock = void (*)(const float* const*, float* const*, int, float* const*, std::size_t, const float*,
                             std::ptrdiff_t);

constexpr UpdateBlock update_blocks[] = {
    update_block<1>, update_block<2>, update_block<3>, update_block<4>,  update_block<5>,  update_block<6>,
#if defined(__AVX512F__) || defined(__aarch64__)
    update_block<7>, update_block<8>, update_block<9>, update_block<10>, update_block<11>, update_block<12>,
#endif
};

// The same for any N, in blocks of about equal width. With N > kBlockColumns step[m] must not be a[m].
INLINE void update(const float* const* a, float* const* step, int M, float* const* b, int N, std::size_t size,
                   const float* g) {
  const int blocks = (N + kUpdateColumns - 1) / kUpdateColumns;
  for (int k = 0, left = blocks; left > 0; --left) {
    const int columns = (N - k + left - 1) / left;
    update_blocks[columns - 1](a, step, M, b + k, size, g + k, N);
    k += columns;
  }
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
