// The products around the time loop of a recurrent layer: packing, W x for all steps, gradients of x and of weights.
#include "kernels/recurrent.h"

#include "kernels/kernels.h"
#include "kernels/transpose.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// One panel: row[j][k] to panel[k][j], for `count` rows; the columns from there on are zero.
void pack_panel(const float* rows, std::int64_t count, std::int64_t depth, float* panel) {
  if (count < kPanel) {
    for (std::int64_t i = 0; i < depth * kPanel; ++i) panel[i] = 0;
  }
  constexpr auto step = static_cast<std::int64_t>(W);
  std::int64_t k = 0;
  for (; count == kPanel && k + step <= depth; k += step) {
    for (std::int64_t j = 0; j < kPanel; j += step) {
      F square[W];
#pragma GCC unroll 16
      for (std::int64_t i = 0; i < step; ++i) square[i] = load(rows + (j + i) * depth + k);
      transpose(square);
#pragma GCC unroll 16
      for (std::int64_t i = 0; i < step; ++i) store(panel + (k + i) * kPanel + j, square[i]);
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

// The part of the left matrix that passes the panels at once, and stays in L2.
constexpr std::int64_t kRowsInCache = 96, kPiecesInCache = 8;

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

// c (+)= a times panels [block][slot]. A panel is read from its beginning to its end, and in pieces that stay in L1
// while the rows of a, which are in L2, pass.
void multiply(const float* const* a, float* const* c, std::int64_t count, const float* panels, std::int64_t depth,
              std::int64_t units, int slots, const float* bias, bool add, std::int64_t block_begin,
              std::int64_t block_end) {
  const int most = panels_together(count);
  const std::int64_t row_pieces = blocks_of(count, kRowsInCache);
  const std::int64_t pieces = blocks_of(depth, kDepth), chunks = blocks_of(pieces, kPiecesInCache);
  const std::int64_t whole = units / kPanel;
  for (std::int64_t part = 0; part < row_pieces * chunks; ++part) {
    const Piece rows = piece(count, row_pieces, part / chunks), chunk = piece(pieces, chunks, part % chunks);
    // Panels from `first` on, `next` floats apart in c.
    const auto multiply_some = [&](std::int64_t first, int together, std::int64_t column, std::int64_t next,
                                   std::int64_t width) {
      const float* from = panels + first * depth * kPanel;
      for (std::int64_t p = chunk.begin; p < chunk.end; ++p) {
        const Piece k = piece(depth, pieces, p);
        const float* ahead = from + (together - 1) * depth * kPanel + k.end * kPanel;
        const auto multiply_to = [&](float* const* to, std::int64_t at) {
          multiply_panels(a + rows.begin, rows.end - rows.begin, from, depth * kPanel, together, k, to, at, next,
                          bias && p == 0 ? bias + first * kPanel : nullptr, add || p > 0, ahead);
        };
        if (width == kPanel) {
          multiply_to(c + rows.begin, column);
        } else {
          multiply_narrow(c + rows.begin, rows.end - rows.begin, column, width,
                          [&](float* const* dense) { multiply_to(dense, 0); });
        }
      }
    };
    for (std::int64_t block = block_begin; block < block_end;) {
      const std::int64_t column = block * kPanel, width = smaller(kPanel, units - column);
      if (slots == 1) {
        const auto together = static_cast<int>(block < whole ? smaller(most, smaller(whole, block_end) - block) : 1);
        multiply_some(block, together, column, kPanel, width);
        block += together;
        continue;
      }
      const int at_once = width == kPanel ? most : 1;
      for (int slot = 0; slot < slots; slot += at_once) {
        const int together = slots - slot < at_once ? slots - slot : at_once;
        multiply_some(block * slots + slot, together, column + slot * units, units, width);
      }
      ++block;
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
  if (R == kTileRows) {
    for (std::int64_t i = k.begin; i < k.end; ++i, out += kTileRows) {
      __builtin_memcpy(out, a[i] + m, kTileRows * sizeof(float));
    }
    return;
  }
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

// The columns of a panel of `rows` rows of c, for a piece of the depth; left[t] are the interleaved rows of tile t.
void outer_piece(const Outer& a, std::int64_t row_begin, std::int64_t rows, std::int64_t column, Piece k,
                 const float* const* left) {
  const std::int64_t row_tiles = blocks_of(rows, kTileRows), width = smaller(kPanel, a.columns - column);
  const std::int64_t depth = k.end - k.begin;
  const float* panel = a.panels + column * a.depth + k.begin * kPanel;
  for (std::int64_t t = 0; t < row_tiles; ++t) {
    const Piece m = piece(rows, row_tiles, t);
    const auto R = m.end - m.begin;
    const auto multiply_tile = [&](float* const* c) {
      const float* ahead = panel + depth * kPanel + t * depth * kLine;
      tiles<true>[R - 1][0](&left[t], panel, 0, depth, {c, 0, nullptr, k.begin > 0, ahead});
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

void outer(const Outer& a, std::int64_t row_begin, std::int64_t row_end) {
  if (!a.panels) {
    constexpr void (*few[])(const Outer&, std::int64_t, std::int64_t) = {outer_few<0>, outer_few<1>, outer_few<2>,
                                                                         outer_few<3>, outer_few<4>};
    few[a.depth](a, row_begin, row_end);
    return;
  }
  const std::int64_t rows = row_end - row_begin;
  const std::int64_t row_tiles = blocks_of(rows, kTileRows);
  const std::int64_t pieces = blocks_of(a.depth, kDepth), chunks = blocks_of(pieces, kOuterDepth / kDepth);
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const Piece part = piece(pieces, chunks, chunk);
    float* left[kOuterRows];  // of each piece and tile
    float* free = a.work;
    for (std::int64_t p = part.begin; p < part.end; ++p) {
      const Piece k = piece(a.depth, pieces, p);
      for (std::int64_t t = 0; t < row_tiles; ++t) {
        const Piece m = piece(rows, row_tiles, t);
        interleave(a.a, k, row_begin + m.begin, m.end - m.begin, free);
        left[(p - part.begin) * row_tiles + t] = free;
        free += (k.end - k.begin) * (m.end - m.begin);
      }
    }
    for (std::int64_t column = 0; column < a.columns; column += kPanel) {
      for (std::int64_t p = part.begin; p < part.end; ++p) {
        outer_piece(a, row_begin, rows, column, piece(a.depth, pieces, p), left + (p - part.begin) * row_tiles);
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
