// Linear layers on many rows.
#include "core/linear.h"

#include <pybind11/stl.h>

#include <array>
#include <optional>

#include "bindings/arrays.h"
#include "bindings/buffers.h"
#include "core/dispatch.h"

namespace lexigrad {
namespace {

Linear layer_of(const py::array& x, const py::array& weight) {
  const auto [rows, inputs] = shape<2>(x, "x");
  const std::int64_t outputs = shape<2>(weight, "weight")[0];
  if (rows < 1 || inputs < 1 || outputs < 1) {
    throw std::invalid_argument("x and weight must not be empty, as " + text_of_shape(x) + " and " +
                                text_of_shape(weight) + " are");
  }
  return {rows, inputs, outputs, in<float, 2>(x, "x", {rows, inputs}),
          in<float, 2>(weight, "weight", {outputs, inputs})};
}

py::array_t<float> forward(const py::array& x, const py::array& weight, const std::optional<py::array>& bias,
                           int threads) {
  const Linear a = layer_of(x, weight);
  const float* shift = bias ? in<float, 1>(*bias, "bias", {a.outputs}) : nullptr;
  py::array_t<float> y = output_array({a.rows, a.outputs});
  float* out = y.mutable_data();
  py::gil_scoped_release nogil;
  linear_forward(kernels(), a, shift, out, threads);
  return y;
}

// (dx, dweight, dbias), each None where it is not wanted.
py::tuple backward(const py::array& x, const py::array& weight, const py::array& dy, const std::array<bool, 3>& wanted,
                   int threads) {
  const Linear a = layer_of(x, weight);
  const float* upstream = in<float, 2>(dy, "dy", {a.rows, a.outputs});
  std::optional<py::array_t<float>> dx, dweight, dbias;
  if (wanted[0]) dx = output_array({a.rows, a.inputs});
  if (wanted[1]) dweight = output_array({a.outputs, a.inputs});
  if (wanted[2]) dbias = output_array({a.outputs});
  const auto data = [](std::optional<py::array_t<float>>& o) { return o ? o->mutable_data() : nullptr; };
  const LinearGradients gradients{data(dx), data(dweight), data(dbias)};
  {
    py::gil_scoped_release nogil;
    linear_backward(kernels(), a, upstream, gradients, threads);
  }
  return py::make_tuple(dx, dweight, dbias);
}

}  // namespace

void bind_linear(py::module_& m) {
  using namespace py::literals;
  m.def("linear_forward", &forward, "x"_a, "weight"_a, "bias"_a, "threads"_a);
  m.def("linear_backward", &backward, "x"_a, "weight"_a, "dy"_a, "wanted"_a, "threads"_a);
}

}  // namespace lexigrad
