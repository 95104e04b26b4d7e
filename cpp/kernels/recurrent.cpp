// The products around the time loop of a recurrent layer: packing, W x for all steps, gradients of x and of weights.
#include "kernels/recurrent.h"

#include "kernels/kernels.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// One panel: row[j][k] to panel[k][j], for `count` rows; the columns from there on are zero.
void pack_panel(const float* rows, std::int64_t count, std::int64_t depth, float* panel) {
  if (count < kPanel) {
    for (std::int64_t i = 0; i < depth * kPanel; ++i) panel[i] = 0;
  }
  std::int64_t k = 0;
  if (count == kPanel) {
    for (; k + 4 <= depth; k += 4) {
#pragma GCC unroll 4
      for (std::int64_t d = 0; d < 4; ++d) {
#pragma GCC unroll 32
        for (std::int64_t j = 0; j < kPanel; ++j) panel[(k + d) * kPanel + j] = rows[j * depth + k + d];
      }
    }
  }
  for (; k < depth; ++k) {
    for (std::int64_t j = 0; j < count; ++j) panel[k * kPanel + j] = rows[j * depth + k];
  }
}

void pack_rows(const PackRows& a, std::int64_t block_begin, std::int64_t block_end) {
  for (std::int64_t block = block_begin; block < block_end; ++block) {
    const std::int64_t unit = block * kPanel;
    for (int slot = 0; slot < a.slots; ++slot) {
      pack_panel(a.rows + (a.order[slot] * a.units + unit) * a.depth, smaller(kPanel, a.units - unit), a.depth,
                 a.panels + (block * a.slots + slot) * a.depth * kPanel);
    }
  }
}

void pack_columns(const PackColumns& a, std::int64_t block_begin, std::int64_t block_end) {
  constexpr auto step = static_cast<std::int64_t>(W);
  for (std::int64_t block = block_begin; block < block_end; ++block) {
    const std::int64_t column = block * kPanel;
    float* panel = a.panels + block * a.depth * kPanel;
    if (column + kPanel <= a.columns) {
      for (std::int64_t k = 0; k < a.depth; ++k) {
        store(panel + k * kPanel, load(a.rows[k] + column));
        store(panel + k * kPanel + step, load(a.rows[k] + column + step));
      }
      continue;
    }
    for (std::int64_t k = 0; k < a.depth; ++k) {
      for (std::int64_t j = 0; j < kPanel; ++j) {
        panel[k * kPanel + j] = column + j < a.columns ? a.rows[k][column + j] : 0.0f;
      }
    }
  }
}

constexpr std::int64_t kRowsInCache = 96;  // rows of the left matrix that pass a panel before the next one comes

// Panels whose columns do not all exist: through a dense copy of what is there.
template <typename Multiply>
INLINE void multiply_narrow(float* const* c, std::int64_t count, std::int64_t column, std::int64_t width,
                            const Multiply& multiply) {
  float dense[kRowsInCache * kPanel];
  float* rows[kRowsInCache];
  for (std::int64_t m = 0; m < count; ++m) {
    rows[m] = dense + m * kPanel;
    for (std::int64_t j = 0; j < kPanel; ++j) rows[m][j] = j < width ? c[m][column + j] : 0.0f;
  }
  multiply(rows);
  for (std::int64_t m = 0; m < count; ++m) {
    for (std::int64_t j = 0; j < width; ++j) c[m][column + j] = rows[m][j];
  }
}

// Panels [0, slots) of one block, whose columns are `next` floats apart in c; see multiply_panels.
void multiply_block(const float* const* a, float* const* c, std::int64_t count, const float* panels, std::int64_t depth,
                    int slots, Piece k, std::int64_t column, std::int64_t width, std::int64_t next, const float* bias,
                    bool add) {
  constexpr int at_once = panels_at_once(kTileRows);
  for (int slot = 0; slot < slots; slot += at_once) {
    const int together = slots - slot < at_once ? slots - slot : at_once;
    if (width == kPanel) {
      multiply_panels(a, count, panels + slot * depth * kPanel, depth * kPanel, together, k, c, column + slot * next,
                      next, bias ? bias + slot * kPanel : nullptr, add);
      continue;
    }
    for (int s = slot; s < slot + together; ++s) {
      multiply_narrow(c, count, column + s * next, width, [&](float* const* rows) {
        multiply_panels(a, count, panels + s * depth * kPanel, depth * kPanel, 1, k, rows, 0, 0,
                        bias ? bias + s * kPanel : nullptr, add);
      });
    }
  }
}

// c (+)= a times panels [block][slot], in an order that keeps a panel in L1 and the rows of a in L2.
void multiply(const float* const* a, float* const* c, std::int64_t count, const float* panels, std::int64_t depth,
              std::int64_t units, int slots, const float* bias, bool add, std::int64_t block_begin,
              std::int64_t block_end) {
  const std::int64_t row_pieces = blocks_of(count, kRowsInCache);
  const std::int64_t pieces = blocks_of(depth, kDepth);
  for (std::int64_t r = 0; r < row_pieces; ++r) {
    const Piece rows = piece(count, row_pieces, r);
    for (std::int64_t p = 0; p < pieces; ++p) {
      const Piece k = piece(depth, pieces, p);
      std::int64_t block = block_begin;
      const std::int64_t whole = smaller(block_end, units / kPanel);
      if (count <= kTileRows && slots == 1 && !bias && block < whole) {  // few rows: all whole panels together
        multiply_panels(a, count, panels + block * depth * kPanel, depth * kPanel, static_cast<int>(whole - block), k,
                        c, block * kPanel, kPanel, nullptr, add || p > 0);
        block = whole;
      }
      for (; block < block_end; ++block) {
        multiply_block(a + rows.begin, c + rows.begin, rows.end - rows.begin, panels + block * slots * depth * kPanel,
                       depth, slots, k, block * kPanel, smaller(kPanel, units - block * kPanel), units,
                       bias && p == 0 ? bias + block * slots * kPanel : nullptr, add || p > 0);
      }
    }
  }
}

void project(const Project& a, std::int64_t count, std::int64_t block_begin, std::int64_t block_end) {
  if (a.panels) {
    multiply(a.a, a.c, count, a.panels, a.depth, a.units, a.slots, a.bias, false, block_begin, block_end);
    return;
  }
  for (std::int64_t block = block_begin; block < block_end; ++block) {
    const std::int64_t unit = block * kPanel, width = smaller(kPanel, a.units - unit);
    for (int slot = 0; slot < a.slots; ++slot) {
      const std::int64_t column = slot * a.units + unit;
      dots(a.a, count, a.weights + (a.order[slot] * a.units + unit) * a.depth, a.depth, width, a.depth, a.c, column);
      const float* bias = a.bias + (block * a.slots + slot) * kPanel;
      for (std::int64_t m = 0; m < count; ++m) {
        for (std::int64_t j = 0; j < width; ++j) a.c[m][column + j] += bias[j];
      }
    }
  }
}

void combine(const Combine& a, std::int64_t count, std::int64_t block_begin, std::int64_t block_end) {
  if (a.panels) {
    multiply(a.a, a.c, count, a.panels, a.depth, a.columns, 1, nullptr, a.add, block_begin, block_end);
    return;
  }
  const std::int64_t begin = block_begin * kPanel, end = smaller(a.columns, block_end * kPanel);
  if (!a.add) {
    for (std::int64_t m = 0; m < count; ++m) {
      for (std::int64_t j = begin; j < end; ++j) a.c[m][j] = 0;
    }
  }
  add_products(a.a, count, a.b, a.depth, a.c, begin, end);
}

// Rows [m, m + R) of the transposed a, interleaved: out[k][R].
INLINE void interleave(const float* const* a, Piece k, std::int64_t m, std::int64_t R, float* out) {
  for (std::int64_t i = k.begin; i < k.end; ++i) {
    const float* from = a[i] + m;
    for (std::int64_t j = 0; j < R; ++j) *out++ = from[j];
  }
}

// At a depth of a few rows the time goes into writing c: row by row.
template <int K>
void outer_few(const Outer& a, std::int64_t row_begin, std::int64_t row_end) {
  constexpr auto step = static_cast<std::int64_t>(W);
  for (std::int64_t m = row_begin; m < row_end; ++m) {
    for (std::int64_t j = 0; j < a.columns; j += step) {
      const auto n = static_cast<std::size_t>(smaller(step, a.columns - j));
      F c{};
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) c += splat(a.a[k][m]) * load_up_to(a.b[k] + j, n);
      store_up_to(a.c[m] + j, c, n);
    }
  }
}

void outer(const Outer& a, std::int64_t row_begin, std::int64_t row_end) {
  if (!a.panels) {
    constexpr void (*few[])(const Outer&, std::int64_t, std::int64_t) = {outer_few<0>, outer_few<1>, outer_few<2>,
                                                                         outer_few<3>, outer_few<4>};
    few[a.depth](a, row_begin, row_end);
    return;
  }
  const std::int64_t rows = row_end - row_begin;
  const std::int64_t row_tiles = blocks_of(rows, kTileRows);
  const std::int64_t pieces = blocks_of(a.depth, kOuterDepth);
  const std::int64_t blocks = blocks_of(a.columns, kPanel);
  for (std::int64_t p = 0; p < pieces; ++p) {
    const Piece k = piece(a.depth, pieces, p);
    const std::int64_t depth = k.end - k.begin;
    for (std::int64_t t = 0; t < row_tiles; ++t) {
      const Piece m = piece(rows, row_tiles, t);
      interleave(a.a, k, row_begin + m.begin, m.end - m.begin, a.work + m.begin * depth);
    }
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::int64_t column = block * kPanel, width = smaller(kPanel, a.columns - column);
      const float* panel = a.panels + block * a.depth * kPanel + k.begin * kPanel;
      for (std::int64_t t = 0; t < row_tiles; ++t) {
        const Piece m = piece(rows, row_tiles, t);
        const auto R = m.end - m.begin;
        const float* left = a.work + m.begin * depth;
        const auto multiply_tile = [&](float* const* c) {
          tiles<true>[R - 1][0](&left, panel, 0, depth, {c, 0, nullptr, p > 0});
        };
        if (width < kPanel) {
          multiply_narrow(a.c + row_begin + m.begin, R, column, width, multiply_tile);
          continue;
        }
        float* c[kTileRows];
        for (std::int64_t i = 0; i < R; ++i) c[i] = a.c[row_begin + m.begin + i] + column;
        multiply_tile(c);
      }
    }
  }
}

// In pieces of kDepth rows, so that errors grow slowly, and a few vectors at a time.
void column_sums(const ColumnSums& a, std::int64_t begin, std::int64_t end) {
  constexpr auto step = static_cast<std::int64_t>(W);
  constexpr int kVectors = 4;
  const std::int64_t pieces = blocks_of(a.depth, kDepth);
  for (std::int64_t i = begin; i < end; i += kVectors * step) {
    F total[kVectors] = {};
    for (std::int64_t p = 0; p < pieces; ++p) {
      const Piece k = piece(a.depth, pieces, p);
      F part[kVectors] = {};
      for (std::int64_t j = k.begin; j < k.end; ++j) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          const std::int64_t at = i + v * step;
          if (at < end) part[v] += load_up_to(a.a[j] + at, static_cast<std::size_t>(smaller(step, end - at)));
        }
      }
      for (int v = 0; v < kVectors; ++v) total[v] += part[v];
    }
    for (int v = 0; v < kVectors; ++v) {
      const std::int64_t at = i + v * step;
      if (at < end) store_up_to(a.out + (at - begin), total[v], static_cast<std::size_t>(smaller(step, end - at)));
    }
  }
}

}  // namespace

void fill_recurrent(Kernels& table) {
  table.panel_width = kPanel;
  table.pack_rows = pack_rows;
  table.pack_columns = pack_columns;
  table.project = project;
  table.combine = combine;
  table.outer = outer;
  table.column_sums = column_sums;
}

}  // namespace lexigrad::LEXIGRAD_ISA
