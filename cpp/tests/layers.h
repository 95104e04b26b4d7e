// A recurrent layer on every instruction set and any number of threads, against a plain loop in double that a test
// gives for its cell: forward in value, backward by central differences of that loop.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "check.h"
#include "core/recurrent.h"
#include "levels.h"

namespace lexigrad {

using Vector = std::vector<double>;

// One step: (inputs W_ih x + b_ih, W_hh h + b_hh, states) -> states, each of the units of one batch row.
using CellStep = std::function<void(const Vector& inputs, const Vector& hidden, Vector& h, Vector& c)>;

struct LayerCase {
  Cell cell;
  CellStep step;
  std::int64_t T, B, I, H;
  int directions;
  std::vector<std::int64_t> lengths;
  // x, h0, c0, then w_ih, w_hh, b_ih, b_hh of each direction.
  std::vector<std::vector<float>> operands{};

  LayerCase(Cell cell_, CellStep step_, std::int64_t t, std::int64_t b, std::int64_t i, std::int64_t h, int d)
      : cell(cell_), step(std::move(step_)), T(t), B(b), I(i), H(h), directions(d) {
    std::mt19937 random(static_cast<unsigned>(t * 100 + b * 10 + h));
    const std::int64_t rows = gates_of(cell) * H;
    std::vector<std::int64_t> sizes{T * B * I, d * B * H, d * B * H};
    for (int n = 0; n < d; ++n) sizes.insert(sizes.end(), {rows * I, rows * H, rows, rows});
    std::normal_distribution<float> value(0, 0.5f);
    for (const std::int64_t size : sizes) {
      operands.emplace_back(static_cast<std::size_t>(size));
      for (float& v : operands.back()) v = value(random);
    }
    for (std::int64_t n = 0; n < B; ++n) lengths.push_back(static_cast<std::int64_t>(random() % (T + 1)));
  }

  RecurrentLayer layer() const {
    RecurrentLayer a{};
    a.cell = cell;
    a.T = T, a.B = B, a.I = I, a.H = H, a.directions = directions;
    a.x = operands[0].data();
    a.x_strides = {B * I, I};
    a.lengths = lengths.data();
    a.h0 = operands[1].data(), a.c0 = operands[2].data();
    for (int d = 0; d < directions; ++d) {
      const auto* w = &operands[3 + 4 * static_cast<std::size_t>(d)];
      a.weights[d] = {w[0].data(), w[1].data(), w[2].data(), w[3].data()};
    }
    return a;
  }
};

inline Vector times(const float* w, const float* bias, const Vector& x, std::int64_t rows) {
  Vector out(bias, bias + rows);
  const auto size = static_cast<std::int64_t>(x.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t k = 0; k < size; ++k)
      out[static_cast<std::size_t>(r)] += w[r * size + k] * x[static_cast<std::size_t>(k)];
  }
  return out;
}

// y, h and c, one after the other.
inline Vector plain_results(const LayerCase& p) {
  const RecurrentLayer a = p.layer();
  const std::int64_t D = p.directions, H = p.H, rows = gates_of(p.cell) * H;
  Vector all(static_cast<std::size_t>(p.T * p.B * D * H + 2 * D * p.B * H));
  double* h_out = all.data() + p.T * p.B * D * H;
  double* c_out = h_out + D * p.B * H;
  for (std::int64_t d = 0; d < D; ++d) {
    const auto& w = a.weights[d];
    for (std::int64_t b = 0; b < p.B; ++b) {
      const std::int64_t row = (d * p.B + b) * H, size = p.lengths[static_cast<std::size_t>(b)];
      Vector h(a.h0 + row, a.h0 + row + H), c(a.c0 + row, a.c0 + row + H);
      for (std::int64_t s = 0; s < size; ++s) {
        const std::int64_t t = d ? size - 1 - s : s;
        const float* x = a.x + (t * p.B + b) * p.I;
        const Vector inputs = times(w.w_ih, w.b_ih, Vector(x, x + p.I), rows);
        const Vector hidden = times(w.w_hh, w.b_hh, h, rows);
        p.step(inputs, hidden, h, c);
        std::copy(h.begin(), h.end(), all.begin() + ((t * p.B + b) * D + d) * H);
      }
      std::copy(h.begin(), h.end(), h_out + row);
      std::copy(c.begin(), c.end(), c_out + row);
    }
  }
  return all;
}

// What the kernels give: the results as above, and the gradients of the operands for `dy`, gradients of the results.
struct KernelResults {
  std::vector<float> results;
  std::vector<std::vector<float>> gradients;
};

inline KernelResults kernel_results(const Kernels& k, const LayerCase& p, const std::vector<float>& dy, int threads) {
  const RecurrentLayer a = p.layer();
  const std::int64_t D = p.directions, H = p.H, out = p.T * p.B * D * H, states = D * p.B * H;
  KernelResults r;
  r.results.assign(static_cast<std::size_t>(out + 2 * states), NAN);
  std::vector<float> gates(static_cast<std::size_t>(D * p.T * p.B * slots_of(p.cell) * H)),
      cells(static_cast<std::size_t>(out));
  float* y = r.results.data();
  const bool lstm = p.cell == Cell::kLstm;
  const RecurrentResult result{
      y, {p.B * D * H, D * H}, y + out, lstm ? y + out + states : nullptr, gates.data(), lstm ? cells.data() : nullptr};
  recurrent_forward(k, a, result, threads);
  if (!lstm) std::copy(a.c0, a.c0 + states, y + out + states);
  for (const auto& operand : p.operands) r.gradients.emplace_back(operand.size(), NAN);
  RecurrentGradients g{};
  g.y = dy.data(), g.h = dy.data() + out, g.c = dy.data() + out + states;
  g.x = r.gradients[0].data(), g.h0 = r.gradients[1].data(), g.c0 = r.gradients[2].data();
  for (int d = 0; d < p.directions; ++d) {
    auto* w = &r.gradients[3 + 4 * static_cast<std::size_t>(d)];
    g.weights[d] = {w[0].data(), w[1].data(), w[2].data(), w[3].data()};
  }
  recurrent_backward(k, a, result, g, threads);
  return r;
}

inline void check_layer(const Kernels& k, LayerCase p) {
  Vector expected = plain_results(p);
  std::mt19937 random(7);
  std::normal_distribution<float> value;
  std::vector<float> dy(expected.size());
  for (float& v : dy) v = value(random);
  const KernelResults found = kernel_results(k, p, dy, 1);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK_NEAR(found.results[i], expected[i], 2e-5);
  for (const int threads : {2, 3}) {
    const KernelResults other = kernel_results(k, p, dy, threads);
    CHECK(other.results == found.results);
    CHECK(other.gradients == found.gradients);
  }
  const auto loss = [&] {
    const Vector results = plain_results(p);
    double total = 0;
    for (std::size_t i = 0; i < results.size(); ++i) total += results[i] * dy[i];
    return total;
  };
  for (std::size_t operand = 0; operand < p.operands.size(); ++operand) {
    auto& values = p.operands[operand];
    const std::size_t step = std::max<std::size_t>(1, values.size() / 3);
    for (std::size_t i = 0; i < values.size(); i += step) {
      const float kept = values[i];
      values[i] = kept + 1e-2f;
      const double high = values[i], above = loss();
      values[i] = kept - 1e-2f;
      const double low = values[i], below = loss();
      values[i] = kept;
      const double slope = (above - below) / (high - low);
      CHECK_NEAR(found.gradients[operand][i], slope, 2e-2 * std::max(1.0, std::abs(slope)));
    }
  }
}

inline void check_sizes(Cell cell, const CellStep& step) {
  for (const Kernels& k : levels()) {
    for (const int directions : {1, 2}) {
      check_layer(k, {cell, step, 1, 1, 1, 1, directions});
      check_layer(k, {cell, step, 4, 2, 3, 17, directions});
      check_layer(k, {cell, step, 3, 9, 5, 33, directions});
      check_layer(k, {cell, step, 30, 3, 4, 7, directions});
    }
  }
}

inline double logistic(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace lexigrad
