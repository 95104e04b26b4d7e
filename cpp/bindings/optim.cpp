// Optimisers and clipping: lists of parameters cut into stretches, which threads share out.
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "bindings/arrays.h"
#include "core/dispatch.h"
#include "core/parallel.h"

namespace lexigrad {
namespace {

constexpr std::int64_t kStretch = 1 << 15;  // floats of a task

using Arrays = std::vector<py::array>;
using OptionalArrays = std::vector<std::optional<py::array>>;

int threads_for(std::int64_t floats) { return floats > 2 * kStretch ? num_threads() : 1; }

// The data of any C-contiguous float32 array.
const float* flat(const py::array& a, const std::string& name) {
  check_dtype<float>(a, name.c_str());
  if (!(a.flags() & py::array::c_style)) throw py::type_error(name + " must be C-contiguous");
  return static_cast<const float*>(a.data());
}

float* flat_inout(py::array& a, const std::string& name) {
  flat(a, name);
  if (!a.writeable()) throw py::type_error(name + " must be writeable");
  return static_cast<float*>(a.mutable_data());
}

std::string item(const char* name, std::size_t i) { return std::string(name) + "[" + std::to_string(i) + "]"; }

// One parameter: whole, or the `rows` of it that its gradient has.
struct Parameter {
  float* data;
  const float* gradient;
  float* state[3];
  const std::int64_t* rows;  // null: all
  std::int64_t count;        // rows of the gradient; 1 without rows
  std::int64_t width;        // floats of a row
};

// The arguments that all rules share: equally many parameters, gradients, row numbers and arrays of each state.
class Parameters {
 public:
  Parameters(Arrays& parameters, const Arrays& gradients, const OptionalArrays& rows, std::vector<Arrays>& states) {
    const std::size_t n = parameters.size();
    bool equal = gradients.size() == n && rows.size() == n && states.size() <= 3;
    for (const Arrays& state : states) equal = equal && state.size() == n;
    if (!equal) throw std::invalid_argument("gradients, rows and states must be as many as the parameters");
    for (std::size_t i = 0; i < n; ++i) add(i, parameters[i], gradients[i], rows[i], states);
  }

  std::size_t size() const { return all_.size(); }

  // update(i, span) for stretches of every parameter i. From the last to the first: what was read last, by the norm
  // of the gradients, is the most likely to be in the cache still.
  template <typename Update>
  void each(const Update& update) const {
    parallel_for(static_cast<std::int64_t>(pieces_.size()), threads_for(total_), [&](std::int64_t task, int) {
      const Piece& piece = pieces_[pieces_.size() - 1 - static_cast<std::size_t>(task)];
      const Parameter& p = all_[piece.parameter];
      if (!p.rows) {
        update(piece.parameter, span(p, piece.begin, piece.begin, piece.end - piece.begin));
        return;
      }
      for (std::int64_t r = piece.begin; r < piece.end; ++r) {
        update(piece.parameter, span(p, p.rows[r] * p.width, r * p.width, p.width));
      }
    });
  }

 private:
  struct Piece {
    std::size_t parameter;
    std::int64_t begin, end;  // floats, or rows of the gradient
  };

  static ParameterSpan span(const Parameter& p, std::int64_t place, std::int64_t gradient_place, std::int64_t size) {
    ParameterSpan s{p.data + place, p.gradient + gradient_place, {}, size};
    for (int k = 0; k < 3; ++k) s.state[k] = p.state[k] ? p.state[k] + place : nullptr;
    return s;
  }

  void add(std::size_t i, py::array& parameter, const py::array& gradient, const std::optional<py::array>& rows,
           std::vector<Arrays>& states) {
    Parameter p{};
    p.data = flat_inout(parameter, item("parameters", i));
    p.gradient = flat(gradient, item("gradients", i));
    for (std::size_t k = 0; k < states.size(); ++k) {
      p.state[k] = flat_inout(states[k][i], item("states", i));
      if (states[k][i].size() != parameter.size()) {
        throw std::invalid_argument(item("states", i) + " must be as large as its parameter");
      }
    }
    if (rows) {
      add_rows(p, i, parameter, gradient, *rows);
    } else {
      if (gradient.size() != parameter.size()) {
        throw std::invalid_argument(item("gradients", i) + " must have shape " + text_of_shape(parameter) + ", not " +
                                    text_of_shape(gradient));
      }
      p.count = 1;
      p.width = parameter.size();
    }
    all_.push_back(p);
    const std::int64_t units = rows ? p.count : p.width;
    const std::int64_t stretch =
        rows ? std::max<std::int64_t>(1, kStretch / std::max<std::int64_t>(1, p.width)) : kStretch;
    for (std::int64_t begin = 0; begin < units; begin += stretch) {
      pieces_.push_back({i, begin, std::min(units, begin + stretch)});
    }
    total_ += p.count * p.width;
  }

  static void add_rows(Parameter& p, std::size_t i, const py::array& parameter, const py::array& gradient,
                       const py::array& rows) {
    const auto [height, width] = shape<2>(parameter, item("parameters", i).c_str());
    const auto [count] = shape<1>(rows, item("rows", i).c_str());
    check<float, 2>(gradient, item("gradients", i).c_str(), {count, width});
    p.rows = in<std::int64_t, 1>(rows, item("rows", i).c_str(), {count});
    p.count = count;
    p.width = width;
    for (std::int64_t r = 0; r < count; ++r) {
      // Strictly rising: no row is there twice, which two threads might then update at once.
      if (p.rows[r] < 0 || p.rows[r] >= height || (r > 0 && p.rows[r] <= p.rows[r - 1])) {
        throw std::invalid_argument(item("rows", i) + " must rise strictly within [0, " + std::to_string(height) + ")");
      }
    }
  }

  std::vector<Parameter> all_;
  std::vector<Piece> pieces_;
  std::int64_t total_ = 0;
};

const std::int64_t* checked_steps(const py::array& steps, std::size_t n) {
  const auto count = static_cast<std::int64_t>(n);
  const std::int64_t* data = in<std::int64_t, 1>(steps, "steps", {count});
  for (std::int64_t i = 0; i < count; ++i) {
    if (data[i] < 1) throw std::invalid_argument("steps must be at least 1, not " + std::to_string(data[i]));
  }
  return data;
}

float single(double x) { return static_cast<float>(x); }

void sgd_step(Arrays parameters, const Arrays& gradients, const OptionalArrays& rows, std::vector<Arrays> states,
              const py::array& steps, double scale, double lr, double momentum, double dampening, double weight_decay,
              bool nesterov) {
  const Parameters all(parameters, gradients, rows, states);
  if (states.size() != (momentum != 0 ? 1u : 0u)) throw std::invalid_argument("momentum takes one state");
  const std::int64_t* step = checked_steps(steps, all.size());
  const SgdRule later{single(scale),    single(weight_decay),  single(lr),
                      single(momentum), single(1 - dampening), nesterov};
  SgdRule first = later;  // the velocity starts as the gradient itself
  first.fresh = 1;
  py::gil_scoped_release nogil;
  all.each([&](std::size_t i, const ParameterSpan& s) { kernels().sgd(step[i] == 1 ? first : later, s); });
}

void adagrad_step(Arrays parameters, const Arrays& gradients, const OptionalArrays& rows, std::vector<Arrays> states,
                  const py::array& steps, double scale, double lr, double lr_decay, double weight_decay, double eps) {
  const Parameters all(parameters, gradients, rows, states);
  if (states.size() != 1) throw std::invalid_argument("AdaGrad takes one state");
  const std::int64_t* step = checked_steps(steps, all.size());
  std::vector<AdagradRule> rules;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double rate = lr / (1 + static_cast<double>(step[i] - 1) * lr_decay);
    rules.push_back({single(scale), single(weight_decay), single(rate), single(eps)});
  }
  py::gil_scoped_release nogil;
  all.each([&](std::size_t i, const ParameterSpan& s) { kernels().adagrad(rules[i], s); });
}

void rmsprop_step(Arrays parameters, const Arrays& gradients, const OptionalArrays& rows, std::vector<Arrays> states,
                  double scale, double lr, double alpha, double eps, double weight_decay, double momentum,
                  bool centered) {
  const Parameters all(parameters, gradients, rows, states);
  if (states.size() != 1u + centered + (momentum != 0)) {
    throw std::invalid_argument("RMSprop takes one state, and one each for centered and momentum");
  }
  const RmspropRule rule{single(scale),     single(weight_decay), single(lr),       single(alpha),
                         single(1 - alpha), single(eps),          single(momentum), centered};
  py::gil_scoped_release nogil;
  all.each([&](std::size_t, const ParameterSpan& s) { kernels().rmsprop(rule, s); });
}

void adam_step(Arrays parameters, const Arrays& gradients, const OptionalArrays& rows, std::vector<Arrays> states,
               const py::array& steps, double scale, double lr, double beta1, double beta2, double eps,
               double weight_decay, bool decoupled) {
  const Parameters all(parameters, gradients, rows, states);
  if (states.size() != 2) throw std::invalid_argument("Adam takes two states");
  const std::int64_t* step = checked_steps(steps, all.size());
  std::vector<AdamRule> rules;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto t = static_cast<double>(step[i]);
    rules.push_back({single(scale), single(decoupled ? 0 : weight_decay), single(decoupled ? 1 - lr * weight_decay : 1),
                     single(lr / (1 - std::pow(beta1, t))), single(1 - beta1), single(beta2), single(1 - beta2),
                     single(1 / std::sqrt(1 - std::pow(beta2, t))), single(eps)});
  }
  py::gil_scoped_release nogil;
  all.each([&](std::size_t i, const ParameterSpan& s) { kernels().adam(rules[i], s); });
}

// Stretches of a list of arrays.
struct Stretch {
  float* data;
  std::int64_t size;
};

class Stretches {
 public:
  void add(float* data, std::int64_t size) {
    for (std::int64_t begin = 0; begin < size; begin += kStretch) {
      all_.push_back({data + begin, std::min(kStretch, size - begin)});
    }
    total_ += size;
  }

  std::size_t size() const { return all_.size(); }

  template <typename Body>
  void each(const Body& body) const {
    parallel_for(static_cast<std::int64_t>(all_.size()), threads_for(total_),
                 [&](std::int64_t i, int) { body(static_cast<std::size_t>(i), all_[static_cast<std::size_t>(i)]); });
  }

 private:
  std::vector<Stretch> all_;
  std::int64_t total_ = 0;
};

Stretches read_only(const Arrays& arrays) {
  Stretches result;
  // Only functions that do not write get these.
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    result.add(const_cast<float*>(flat(arrays[i], item("arrays", i))), arrays[i].size());
  }
  return result;
}

Stretches writeable(Arrays& arrays) {
  Stretches result;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    result.add(flat_inout(arrays[i], item("arrays", i)), arrays[i].size());
  }
  return result;
}

// The Euclidean length of all arrays together, added up in float64.
double global_norm(const Arrays& arrays) {
  const Stretches all = read_only(arrays);
  py::gil_scoped_release nogil;
  std::vector<double> parts(all.size());
  all.each([&](std::size_t i, const Stretch& s) { parts[i] = kernels().sum_of_squares(s.data, s.size); });
  double total = 0;
  for (const double part : parts) total += part;
  return std::sqrt(total);
}

// The greatest magnitude of all arrays together, NaN if there is a NaN.
double global_greatest(const Arrays& arrays) {
  const Stretches all = read_only(arrays);
  py::gil_scoped_release nogil;
  std::vector<float> parts(all.size());
  all.each([&](std::size_t i, const Stretch& s) { parts[i] = kernels().greatest_magnitude(s.data, s.size); });
  float high = 0;
  for (const float part : parts) high = std::isnan(high) || high > part ? high : part;
  return high;
}

void scale_arrays(Arrays arrays, double factor) {
  const Stretches all = writeable(arrays);
  py::gil_scoped_release nogil;
  all.each([&](std::size_t, const Stretch& s) { kernels().scale(s.data, s.size, single(factor)); });
}

void clamp_arrays(Arrays arrays, double limit) {
  const Stretches all = writeable(arrays);
  py::gil_scoped_release nogil;
  all.each([&](std::size_t, const Stretch& s) { kernels().clamp(s.data, s.size, single(limit)); });
}

}  // namespace

void bind_optim(py::module_& m) {
  using py::arg;
  m.def("sgd_step", &sgd_step, arg("parameters"), arg("gradients"), arg("rows"), arg("states"), py::kw_only(),
        arg("steps"), arg("scale"), arg("lr"), arg("momentum"), arg("dampening"), arg("weight_decay"), arg("nesterov"));
  m.def("adagrad_step", &adagrad_step, arg("parameters"), arg("gradients"), arg("rows"), arg("states"), py::kw_only(),
        arg("steps"), arg("scale"), arg("lr"), arg("lr_decay"), arg("weight_decay"), arg("eps"));
  m.def("rmsprop_step", &rmsprop_step, arg("parameters"), arg("gradients"), arg("rows"), arg("states"), py::kw_only(),
        arg("scale"), arg("lr"), arg("alpha"), arg("eps"), arg("weight_decay"), arg("momentum"), arg("centered"));
  m.def("adam_step", &adam_step, arg("parameters"), arg("gradients"), arg("rows"), arg("states"), py::kw_only(),
        arg("steps"), arg("scale"), arg("lr"), arg("beta1"), arg("beta2"), arg("eps"), arg("weight_decay"),
        arg("decoupled"));
  m.def("global_norm", &global_norm, arg("arrays"));
  m.def("global_greatest", &global_greatest, arg("arrays"));
  m.def("scale_arrays", &scale_arrays, arg("arrays"), arg("factor"));
  m.def("clamp_arrays", &clamp_arrays, arg("arrays"), arg("limit"));
}

}  // namespace lexigrad
