// Recurrent layers over all their steps.
#include "core/recurrent.h"

#include <pybind11/stl.h>

#include <optional>
#include <vector>

#include "bindings/arrays.h"
#include "core/arena.h"
#include "core/dispatch.h"

namespace lexigrad {
namespace {

using Optional = std::optional<py::array>;

// An array in memory that is kept for later arrays of its size.
py::array_t<float> empty(const std::vector<py::ssize_t>& size) {
  std::size_t count = 1;
  for (const py::ssize_t n : size) count *= static_cast<std::size_t>(n);
  void* data = arena_acquire(count * sizeof(float));
  return py::array_t<float>(size, static_cast<float*>(data), py::capsule(data, [](void* p) { arena_release(p); }));
}

const float* in_or_null(const Optional& a, const char* name, const std::array<std::int64_t, 3>& expected) {
  return a ? in<float, 3>(*a, name, expected) : nullptr;
}

RecurrentParameters<const float> parameters(const std::vector<Optional>& weights, std::size_t first, std::int64_t rows,
                                            std::int64_t I, std::int64_t H) {
  const Optional *w_ih = &weights[first], *w_hh = w_ih + 1, *b_ih = w_ih + 2, *b_hh = w_ih + 3;
  if (!*w_ih || !*w_hh || b_ih->has_value() != b_hh->has_value()) {
    throw std::invalid_argument("weights must be w_ih, w_hh and both biases or none");
  }
  return {in<float, 2>(**w_ih, "w_ih", {rows, I}), in<float, 2>(**w_hh, "w_hh", {rows, H}),
          *b_ih ? in<float, 1>(**b_ih, "b_ih", {rows}) : nullptr,
          *b_hh ? in<float, 1>(**b_hh, "b_hh", {rows}) : nullptr};
}

const std::int64_t* checked_lengths(const Optional& lengths, std::int64_t T, std::int64_t B) {
  if (!lengths) return nullptr;
  const std::int64_t* data = in<std::int64_t, 1>(*lengths, "lengths", {B});
  for (std::int64_t b = 0; b < B; ++b) {
    if (data[b] < 0 || data[b] > T) {
      throw std::invalid_argument("lengths must lie between 0 and " + std::to_string(T) + ", not " +
                                  std::to_string(data[b]));
    }
  }
  return data;
}

// The shapes of a layer: T, B, I from x, H from W_hh.
RecurrentLayer shapes(Cell cell, const py::array& x, const std::vector<Optional>& weights, bool batch_first) {
  const auto [first, second, I] = shape<3>(x, "x");
  RecurrentLayer a{};
  a.cell = cell;
  a.T = batch_first ? second : first;
  a.B = batch_first ? first : second;
  a.I = I;
  if ((weights.size() != 4 && weights.size() != 8) || !weights[1]) {
    throw std::invalid_argument("weights must be w_ih, w_hh, b_ih and b_hh of one direction or of two");
  }
  a.directions = static_cast<int>(weights.size() / 4);
  a.H = shape<2>(*weights[1], "w_hh")[1];
  if (a.T < 1 || a.B < 1 || a.I < 1 || a.H < 1 || a.B > INT32_MAX) {
    throw std::invalid_argument("x must have at least one step, row and feature, and w_hh one unit; x has shape " +
                                text_of_shape(x));
  }
  return a;
}

// Everything that forward and backward read, checked.
RecurrentLayer layer_of(Cell cell, const py::array& x, const Optional& lengths, const Optional& h0, const Optional& c0,
                        const std::vector<Optional>& weights, bool batch_first) {
  RecurrentLayer a = shapes(cell, x, weights, batch_first);
  a.x = batch_first ? in<float, 3>(x, "x", {a.B, a.T, a.I}) : in<float, 3>(x, "x", {a.T, a.B, a.I});
  a.x_strides = batch_first ? Strides{a.I, a.T * a.I} : Strides{a.B * a.I, a.I};
  a.lengths = checked_lengths(lengths, a.T, a.B);
  a.h0 = in_or_null(h0, "h0", {a.directions, a.B, a.H});
  a.c0 = in_or_null(c0, "c0", {a.directions, a.B, a.H});
  for (int d = 0; d < a.directions; ++d) {
    a.weights[d] = parameters(weights, 4 * static_cast<std::size_t>(d), gates_of(cell) * a.H, a.I, a.H);
  }
  return a;
}

std::array<std::int64_t, 3> output_shape(const RecurrentLayer& a, bool batch_first) {
  const std::int64_t size = a.directions * a.H;
  return batch_first ? std::array{a.B, a.T, size} : std::array{a.T, a.B, size};
}

Strides output_strides(const RecurrentLayer& a, bool batch_first) {
  const std::int64_t size = a.directions * a.H;
  return batch_first ? Strides{size, a.T * size} : Strides{a.B * size, size};
}

py::array_t<float> empty_states(const RecurrentLayer& a) { return empty({a.directions, a.B, a.H}); }

// (y, h, c, gates, cells): the output, the last states, and with `save` what backward needs; c and cells for LSTM only.
py::tuple forward(Cell cell, const py::array& x, const Optional& lengths, const Optional& h0, const Optional& c0,
                  const std::vector<Optional>& weights, bool batch_first, bool save, int threads) {
  const RecurrentLayer a = layer_of(cell, x, lengths, h0, c0, weights, batch_first);
  const bool lstm = cell == Cell::kLstm;
  const auto size = output_shape(a, batch_first);
  py::array_t<float> y = empty({size[0], size[1], size[2]}), h = empty_states(a);
  std::optional<py::array_t<float>> c, gates, cells;
  if (lstm) c = empty_states(a);
  if (save) gates = empty({a.directions, a.T, a.B, slots_of(cell) * a.H});
  if (save && lstm) cells = empty({a.directions, a.T, a.B, a.H});
  const auto data = [](std::optional<py::array_t<float>>& o) { return o ? o->mutable_data() : nullptr; };
  const RecurrentResult result{y.mutable_data(), output_strides(a, batch_first), h.mutable_data(), data(c), data(gates),
                               data(cells)};
  {
    py::gil_scoped_release nogil;
    recurrent_forward(kernels(), a, result, threads);
  }
  return py::make_tuple(y, h, c, gates, cells);
}

// (dx, dh0, dc0, *dweights), each None where `wanted` has no True at its place. Overwrites gates.
py::tuple backward(Cell cell, const py::array& x, const Optional& lengths, const Optional& h0, const Optional& c0,
                   const std::vector<Optional>& weights, bool batch_first, const py::array& y, py::array gates,
                   const Optional& cells, const Optional& dy, const Optional& dh, const Optional& dc,
                   const std::vector<bool>& wanted, int threads) {
  const RecurrentLayer a = layer_of(cell, x, lengths, h0, c0, weights, batch_first);
  const bool lstm = cell == Cell::kLstm;
  const std::int64_t G = gates_of(cell), D = a.directions;
  if (wanted.size() != 3 + weights.size()) throw std::invalid_argument("wanted must name x, h0, c0 and each weight");
  if (lstm && !cells) throw std::invalid_argument("cells must be what forward saved");
  const auto size = output_shape(a, batch_first);
  const RecurrentResult saved{const_cast<float*>(in<float, 3>(y, "y", size)),  // only read
                              output_strides(a, batch_first),
                              nullptr,
                              nullptr,
                              inout<float, 4>(gates, "gates", {D, a.T, a.B, slots_of(cell) * a.H}),
                              lstm ? const_cast<float*>(in<float, 4>(*cells, "cells", {D, a.T, a.B, a.H})) : nullptr};
  std::vector<std::optional<py::array_t<float>>> results(wanted.size());
  const auto result = [&](std::size_t place, const std::vector<py::ssize_t>& shape_of_it) -> float* {
    if (!wanted[place]) return nullptr;
    results[place] = empty(shape_of_it);
    return results[place]->mutable_data();
  };
  RecurrentGradients g{};
  g.y = in_or_null(dy, "dy", size);
  g.h = in_or_null(dh, "dh", {D, a.B, a.H});
  g.c = in_or_null(dc, "dc", {D, a.B, a.H});
  g.x = result(0, {x.shape(0), x.shape(1), a.I});
  g.h0 = result(1, {D, a.B, a.H});
  g.c0 = result(2, {D, a.B, a.H});
  for (std::size_t d = 0; d < static_cast<std::size_t>(D); ++d) {
    const bool bias = a.weights[d].b_ih != nullptr;
    g.weights[d] = {result(3 + 4 * d, {G * a.H, a.I}), result(4 + 4 * d, {G * a.H, a.H}),
                    bias ? result(5 + 4 * d, {G * a.H}) : nullptr, bias ? result(6 + 4 * d, {G * a.H}) : nullptr};
  }
  {
    py::gil_scoped_release nogil;
    recurrent_backward(kernels(), a, saved, g, threads);
  }
  py::tuple all(results.size());
  for (std::size_t i = 0; i < results.size(); ++i) all[i] = py::cast(results[i]);
  return all;
}

template <Cell cell>
void bind(py::module_& m, const std::string& name) {
  using namespace py::literals;
  m.def((name + "_forward").c_str(),
        [](const py::array& x, const Optional& lengths, const Optional& h0, const Optional& c0,
           const std::vector<Optional>& weights, bool batch_first, bool save,
           int threads) { return forward(cell, x, lengths, h0, c0, weights, batch_first, save, threads); },
        "x"_a, "lengths"_a, "h0"_a, "c0"_a, "weights"_a, "batch_first"_a, "save"_a, "threads"_a);
  m.def((name + "_backward").c_str(),
        [](const py::array& x, const Optional& lengths, const Optional& h0, const Optional& c0,
           const std::vector<Optional>& weights, bool batch_first, const py::array& y, const py::array& gates,
           const Optional& cells, const Optional& dy, const Optional& dh, const Optional& dc,
           const std::vector<bool>& wanted, int threads) {
          return backward(cell, x, lengths, h0, c0, weights, batch_first, y, gates, cells, dy, dh, dc, wanted, threads);
        },
        "x"_a, "lengths"_a, "h0"_a, "c0"_a, "weights"_a, "batch_first"_a, "y"_a, "gates"_a, "cells"_a, "dy"_a, "dh"_a,
        "dc"_a, "wanted"_a, "threads"_a);
}

}  // namespace

void bind_recurrent(py::module_& m) {
  bind<Cell::kLstm>(m, "lstm");
  bind<Cell::kGru>(m, "gru");
  bind<Cell::kTanh>(m, "rnn_tanh");
  bind<Cell::kRelu>(m, "rnn_relu");
}

}  // namespace lexigrad
