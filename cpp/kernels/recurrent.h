// What the steps of all recurrent layers share.
#pragma once

#include "kernels/gemm.h"
#include "kernels/mathfun.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// product_rows[i][g][kPanel] = W_hh h, for the units of one block: G gates of each state row.
template <int G>
INLINE void hidden_product(const RecurrentForward& s, std::int64_t count, std::int64_t block) {
  const std::int64_t unit = block * kPanel;
  if (!s.panels) {
    for (int g = 0; g < G; ++g) {
      dots(s.h, count, s.weights + (g * s.units + unit) * s.units, s.units, smaller(kPanel, s.units - unit), s.units,
           s.product_rows, g * kPanel);
    }
    return;
  }
  // As few panels at a time as the tiles take: they stay in L1 while all rows pass.
  const std::int64_t panel_size = s.units * kPanel;
  const std::int64_t pieces = blocks_of(s.units, kDepth);
  const int most = panels_together(count);
  for (int g = 0; g < G; g += most) {
    const float* panels = s.panels + (block * G + g) * panel_size;
    const int together = G - g < most ? G - g : most;
    for (std::int64_t p = 0; p < pieces; ++p) {
      const Piece k = piece(s.units, pieces, p);
      const float* ahead = panels + (together - 1) * panel_size + k.end * kPanel;
      multiply_panels(s.h, count, panels, panel_size, together, k, s.product_rows, g * kPanel, kPanel, nullptr, p > 0,
                      ahead);
    }
  }
}

// Calls body(i, u, v, n) for the n <= W units from u on, at column v of the product, of each state row and vector.
template <typename Body>
INLINE void for_units_of_block(const RecurrentForward& s, std::int64_t count, std::int64_t block, const Body& body) {
  constexpr auto step = static_cast<std::int64_t>(W);
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t v = 0; v < kPanel; v += step) {
      const std::int64_t u = block * kPanel + v;
      if (u < s.units) body(i, u, v, static_cast<std::size_t>(smaller(step, s.units - u)));
    }
  }
}

// Calls body(i, u, n) for the n <= W units from u on of each state row.
template <typename Body>
INLINE void for_units(std::int64_t count, std::int64_t begin, std::int64_t end, const Body& body) {
  constexpr auto step = static_cast<std::int64_t>(W);
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t u = begin; u < end; u += step) body(i, u, static_cast<std::size_t>(smaller(step, end - u)));
  }
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
