// Softmax, cross-entropy, CTC, CRF and attention: check, release the GIL, split over rows, return.
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/buffers.h"
#include "core/dispatch.h"
#include "core/parallel.h"

namespace lexigrad {
namespace {

constexpr std::int64_t kValuesPerTask = 1 << 15;   // some tens of microseconds of exponentials
constexpr std::int64_t kStreamingBytes = 1 << 23;  // outputs above this do not stay in the caches

// Calls body(begin, end, worker) for pieces of the rows.
template <typename Body>
void for_rows(std::int64_t count, std::int64_t size, int threads, const Body& body) {
  const std::int64_t per_task = std::max<std::int64_t>(1, kValuesPerTask / std::max<std::int64_t>(1, size));
  const std::int64_t tasks = (count + per_task - 1) / per_task;
  parallel_for(tasks, threads, [&](std::int64_t task, int worker) {
    body(task * per_task, std::min(count, (task + 1) * per_task), worker);
  });
}

// Memory of `count` floats for each of `threads` workers, aligned to cache lines.
class Workspaces {
 public:
  Workspaces(std::int64_t count, int threads)
      : stride_((count + 15) / 16 * 16),
        data_(static_cast<float*>(
            ::operator new(static_cast<std::size_t>(stride_ * threads + 16) * sizeof(float), std::align_val_t{64}))) {}
  float* operator[](int worker) const { return data_.get() + stride_ * worker; }

 private:
  struct Delete {
    void operator()(float* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  std::int64_t stride_;
  std::unique_ptr<float, Delete> data_;
};

using SoftmaxKernel = void (*)(const Softmax&, std::int64_t, std::int64_t);
using SoftmaxBackwardKernel = void (*)(const SoftmaxBackward&, std::int64_t, std::int64_t);

py::array_t<float> softmax_of(SoftmaxKernel kernel, const py::array& x) {
  const auto [count, size] = shape<2>(x, "x");
  const float* data = in<float, 2>(x, "x", {count, size});
  auto y = output_array({count, size});
  const Softmax a{data, size, y.mutable_data()};
  py::gil_scoped_release nogil;
  for_rows(count, size, num_threads(), [&](std::int64_t begin, std::int64_t end, int) { kernel(a, begin, end); });
  return y;
}

py::array_t<float> softmax_backward_of(SoftmaxBackwardKernel kernel, const py::array& y, const py::array& dy) {
  const auto [count, size] = shape<2>(y, "y");
  const float* value = in<float, 2>(y, "y", {count, size});
  const float* gradient = in<float, 2>(dy, "dy", {count, size});
  auto dx = output_array({count, size});
  const SoftmaxBackward a{value, gradient, size, dx.mutable_data()};
  py::gil_scoped_release nogil;
  for_rows(count, size, num_threads(), [&](std::int64_t begin, std::int64_t end, int) { kernel(a, begin, end); });
  return dx;
}

// The sum of the targets' weights, targets that are ignored left out; throws where one is no class.
double check_targets(const std::int64_t* targets, std::int64_t count, std::int64_t classes, std::int64_t ignore_index,
                     const float* weights) {
  double total = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (targets[i] == ignore_index) continue;
    if (targets[i] < 0 || targets[i] >= classes) {
      throw std::invalid_argument("targets must be in [0, " + std::to_string(classes) + ") or " +
                                  std::to_string(ignore_index) + " (ignore_index), but targets[" + std::to_string(i) +
                                  "] is " + std::to_string(targets[i]));
    }
    total += weights ? weights[targets[i]] : 1;
  }
  return total;
}

// (losses (n) float64, sum of the targets' weights, gradient (n, classes) or None). With `mean` the gradient is that
// of the losses' sum over the sum of weights, else that of their sum.
py::tuple cross_entropy(const py::array& logits, const py::array& targets, std::int64_t ignore_index,
                        const std::optional<py::array>& weights, double smoothing, bool mean, bool with_gradient) {
  const auto [count, classes] = shape<2>(logits, "logits");
  CrossEntropy a{};
  a.logits = in<float, 2>(logits, "logits", {count, classes});
  a.targets = in<std::int64_t, 1>(targets, "targets", {count});
  a.rows = count;
  a.classes = classes;
  a.ignore_index = ignore_index;
  if (weights) a.weights = in<float, 1>(*weights, "weight", {classes});
  if (!(smoothing >= 0 && smoothing <= 1)) {
    throw std::invalid_argument("label_smoothing must be between 0 and 1, not " + std::to_string(smoothing));
  }
  a.smoothing = smoothing;
  a.weight_sum = static_cast<double>(classes);
  if (weights) {
    a.weight_sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) a.weight_sum += a.weights[c];
  }
  const double total = check_targets(a.targets, count, classes, ignore_index, a.weights);
  a.scale = mean ? 1 / (total != 0 ? total : 1) : 1;
  py::array_t<double> losses(count);
  a.losses = losses.mutable_data();
  py::object gradient = py::none();
  if (with_gradient) {
    auto array = output_array({count, classes});
    a.gradient = array.mutable_data();
    gradient = array;
  }
  a.streaming = count * classes * static_cast<std::int64_t>(sizeof(float)) > kStreamingBytes;
  {
    py::gil_scoped_release nogil;
    const int threads = num_threads();
    const Workspaces workspaces(classes, threads);
    for_rows(count, classes, threads, [&](std::int64_t begin, std::int64_t end, int worker) {
      kernels().cross_entropy(a, begin, end, workspaces[worker]);
    });
  }
  return py::make_tuple(losses, total, gradient);
}

// Multiplies each row of a matrix by its factor, in place.
void scale_rows(py::array matrix, const py::array& factors) {
  const auto [count, size] = shape<2>(matrix, "matrix");
  float* data = inout<float, 2>(matrix, "matrix", {count, size});
  const float* by = in<float, 1>(factors, "factors", {count});
  py::gil_scoped_release nogil;
  for_rows(count, size, num_threads(), [&, size = size](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (by[i] != 1) kernels().scale(data + i * size, size, by[i]);
    }
  });
}

void check_labels(const std::int64_t* targets, const std::int64_t* offsets, const std::int64_t* lengths, std::int64_t T,
                  std::int64_t B, std::int64_t V, std::int64_t blank, std::int64_t total) {
  bool rising = offsets[0] == 0 && offsets[B] == total;
  for (std::int64_t b = 0; b < B; ++b) rising = rising && offsets[b] <= offsets[b + 1];
  if (!rising) throw std::invalid_argument("target_offsets must rise from 0 to the number of targets");
  for (std::int64_t b = 0; b < B; ++b) {
    if (lengths[b] < 0 || lengths[b] > T) {
      throw std::invalid_argument("input_lengths must be in [0, " + std::to_string(T) + "], but input_lengths[" +
                                  std::to_string(b) + "] is " + std::to_string(lengths[b]));
    }
  }
  if (blank < 0 || blank >= V) {
    throw std::invalid_argument("blank must be in [0, " + std::to_string(V) + "), not " + std::to_string(blank));
  }
  for (std::int64_t i = 0; i < total; ++i) {
    if (targets[i] < 0 || targets[i] >= V || targets[i] == blank) {
      throw std::invalid_argument("targets must be in [0, " + std::to_string(V) + ") and not the blank, " +
                                  std::to_string(blank) + ", but there is a " + std::to_string(targets[i]));
    }
  }
}

// Runs a kernel on all samples of a batch, without the GIL.
template <typename Arguments>
void run_samples(const Arguments& a, std::int64_t (*workspace)(const Arguments&, std::int64_t),
                 void (*kernel)(const Arguments&, std::int64_t, float*)) {
  py::gil_scoped_release nogil;
  std::int64_t floats = 0;
  for (std::int64_t b = 0; b < a.B; ++b) floats = std::max(floats, workspace(a, b));
  const int threads = static_cast<int>(std::min<std::int64_t>(num_threads(), std::max<std::int64_t>(a.B, 1)));
  const Workspaces workspaces(floats, threads);
  parallel_for(a.B, threads, [&](std::int64_t b, int worker) { kernel(a, b, workspaces[worker]); });
}

// (losses (B) float64, gradient of their sum (T, B, V) or None)
py::tuple ctc(const py::array& x, const py::array& targets, const py::array& target_offsets, const py::array& lengths,
              std::int64_t blank, bool normalise, bool with_gradient) {
  const auto [T, B, V] = shape<3>(x, "x");
  const auto [total] = shape<1>(targets, "targets");
  Ctc a{};
  a.x = in<float, 3>(x, "x", {T, B, V});
  a.T = T;
  a.B = B;
  a.V = V;
  a.normalise = normalise;
  a.lengths = in<std::int64_t, 1>(lengths, "input_lengths", {B});
  a.targets = in<std::int64_t, 1>(targets, "targets", {total});
  a.target_offsets = in<std::int64_t, 1>(target_offsets, "target_offsets", {B + 1});
  a.blank = blank;
  check_labels(a.targets, a.target_offsets, a.lengths, T, B, V, blank, total);
  py::array_t<double> losses(B);
  a.losses = losses.mutable_data();
  py::object gradient = py::none();
  if (with_gradient) {
    auto array = output_array({T, B, V});
    a.gradient = array.mutable_data();
    gradient = array;
  }
  run_samples(a, kernels().ctc_workspace, kernels().ctc);
  return py::make_tuple(losses, gradient);
}

// A field of B samples, with all but its outputs.
Crf crf_of(const py::array& emissions, const py::array& lengths, const py::array& transitions, const py::array& start,
           const py::array& end) {
  Crf a{};
  const auto [T, B, K] = shape<3>(emissions, "emissions");
  if (K < 1) throw std::invalid_argument("emissions must be of one tag at least");
  a.emissions = in<float, 3>(emissions, "emissions", {T, B, K});
  a.T = T;
  a.B = B;
  a.K = K;
  a.lengths = in<std::int64_t, 1>(lengths, "lengths", {B});
  for (std::int64_t b = 0; b < B; ++b) {
    if (a.lengths[b] < 0 || a.lengths[b] > T) {
      throw std::invalid_argument("lengths must be in [0, " + std::to_string(T) + "], but lengths[" +
                                  std::to_string(b) + "] is " + std::to_string(a.lengths[b]));
    }
  }
  a.transitions = in<float, 2>(transitions, "transitions", {K, K});
  a.start = in<float, 1>(start, "start_transitions", {K});
  a.end = in<float, 1>(end, "end_transitions", {K});
  return a;
}

// (losses (B) float64, gradients of their sum with respect to emissions (T, B, K), and each sample's with respect to
// transitions (B, K, K), start and end (B, K); or None). Without tags the losses are log Z.
py::tuple crf(const py::array& emissions, const std::optional<py::array>& tags, const py::array& lengths,
              const py::array& transitions, const py::array& start, const py::array& end, bool with_gradient) {
  Crf a = crf_of(emissions, lengths, transitions, start, end);
  if (tags) a.tags = in<std::int64_t, 2>(*tags, "tags", {a.T, a.B});
  for (std::int64_t b = 0; tags && b < a.B; ++b) {
    for (std::int64_t t = 0; t < a.lengths[b]; ++t) {
      const std::int64_t tag = a.tags[t * a.B + b];
      if (tag < 0 || tag >= a.K) {
        throw std::invalid_argument("tags must be in [0, " + std::to_string(a.K) + "), but there is a " +
                                    std::to_string(tag));
      }
    }
  }
  py::array_t<double> losses(a.B);
  a.losses = losses.mutable_data();
  py::object gradients = py::none();
  if (with_gradient) {
    auto demissions = output_array({a.T, a.B, a.K}), dtransitions = output_array({a.B, a.K, a.K});
    auto dstart = output_array({a.B, a.K}), dend = output_array({a.B, a.K});
    a.demissions = demissions.mutable_data();
    a.dtransitions = dtransitions.mutable_data();
    a.dstart = dstart.mutable_data();
    a.dend = dend.mutable_data();
    gradients = py::make_tuple(demissions, dtransitions, dstart, dend);
  }
  run_samples(a, kernels().crf_workspace, kernels().crf);
  return py::make_tuple(losses, gradients);
}

// (best tags (T, B), -1 past the lengths; their scores (B) float64)
py::tuple crf_decode(const py::array& emissions, const py::array& lengths, const py::array& transitions,
                     const py::array& start, const py::array& end) {
  Crf a = crf_of(emissions, lengths, transitions, start, end);
  py::array_t<double> best(a.B);
  py::array_t<std::int64_t> path({a.T, a.B});
  a.losses = best.mutable_data();
  a.path = path.mutable_data();
  run_samples(a, kernels().crf_workspace, kernels().crf_decode);
  return py::make_tuple(path, best);
}

// Threads for B batch rows of so many products: none to help where there is little to do.
int threads_for(std::int64_t products) { return products > kValuesPerTask ? num_threads() : 1; }

// The forward side of an attention; `query` and `keys` are absent where the scores are given.
Attention attention_of(const std::optional<py::array>& query, const std::optional<py::array>& keys,
                       const py::array& values, const std::optional<py::array>& mask, std::int64_t T) {
  Attention a{};
  const auto [S, B, C] = shape<3>(values, "values");
  a.T = T;
  a.S = S;
  a.B = B;
  a.C = C;
  a.values = in<float, 3>(values, "values", {S, B, C});
  if (query && keys) {
    a.H = shape<3>(*query, "query")[2];
    a.query = in<float, 3>(*query, "query", {T, B, a.H});
    a.keys = in<float, 3>(*keys, "keys", {S, B, a.H});
  }
  if (mask) a.mask = reinterpret_cast<const std::uint8_t*>(in<bool, 2>(*mask, "mask", {B, S}));
  return a;
}

void run_attention(const Attention& a) {
  parallel_for(a.B, threads_for(a.T * a.B * a.S * (a.H + a.C)),
               [&](std::int64_t b, int) { kernels().attention_forward(a, b); });
}

// (context (T, B, C), weights (B, T, S))
py::tuple attention_forward(const py::array& query, const py::array& keys, const py::array& values,
                            const std::optional<py::array>& mask) {
  Attention a = attention_of(query, keys, values, mask, shape<3>(query, "query")[0]);
  py::array_t<float> context({a.T, a.B, a.C}), weights({a.B, a.T, a.S});
  a.context = context.mutable_data();
  a.weights = weights.mutable_data();
  {
    py::gil_scoped_release nogil;
    run_attention(a);
  }
  return py::make_tuple(context, weights);
}

// The same from scores (B, T, S).
py::tuple attend_forward(const py::array& scores, const py::array& values, const std::optional<py::array>& mask) {
  Attention a = attention_of(std::nullopt, std::nullopt, values, mask, shape<3>(scores, "scores")[1]);
  const float* given = in<float, 3>(scores, "scores", {a.B, a.T, a.S});
  py::array_t<float> context({a.T, a.B, a.C}), weights({a.B, a.T, a.S});
  a.context = context.mutable_data();
  a.weights = weights.mutable_data();
  {
    py::gil_scoped_release nogil;
    std::copy(given, given + a.B * a.T * a.S, a.weights);
    run_attention(a);
  }
  return py::make_tuple(context, weights);
}

// (dscores (B, T, S), dquery, dkeys, dvalues): without keys the second and the third are None; with `shared`, which
// says that the keys are the values, dkeys is the whole gradient and dvalues None.
py::tuple attention_backward(const py::array& dcontext, const std::optional<py::array>& dweights,
                             const py::array& weights, const std::optional<py::array>& query,
                             const std::optional<py::array>& keys, const py::array& values,
                             const std::optional<py::array>& mask, bool shared) {
  AttentionBackward g{};
  Attention& a = g.forward = attention_of(query, keys, values, mask, shape<3>(dcontext, "dcontext")[0]);
  if (shared && (!a.keys || a.H != a.C)) throw std::invalid_argument("shared needs keys as wide as the values");
  // The kernel does not write to what backward reads.
  a.weights = const_cast<float*>(in<float, 3>(weights, "weights", {a.B, a.T, a.S}));
  g.dcontext = in<float, 3>(dcontext, "dcontext", {a.T, a.B, a.C});
  if (dweights) g.dweights = in<float, 3>(*dweights, "dweights", {a.B, a.T, a.S});
  py::array_t<float> dscores({a.B, a.T, a.S});
  py::object dquery = py::none(), dkeys = py::none(), dvalues = py::none();
  const auto output = [](py::object& into, std::int64_t n, std::int64_t B, std::int64_t size) {
    auto array = output_array({n, B, size});
    into = array;
    return array.mutable_data();
  };
  g.dscores = dscores.mutable_data();
  if (a.keys) {
    g.dquery = output(dquery, a.T, a.B, a.H);
    g.dkeys = output(dkeys, a.S, a.B, a.H);
  }
  if (!shared) g.dvalues = output(dvalues, a.S, a.B, a.C);
  {
    py::gil_scoped_release nogil;
    parallel_for(a.B, threads_for(a.T * a.B * a.S * (a.H + a.C)),
                 [&](std::int64_t b, int) { kernels().attention_backward(g, b); });
  }
  return py::make_tuple(dscores, dquery, dkeys, dvalues);
}

AdditiveScores additive_of(const py::array& query, const py::array& keys, const py::array& v) {
  AdditiveScores a{};
  const auto [T, B, H] = shape<3>(query, "query");
  a.T = T;
  a.B = B;
  a.H = H;
  a.S = shape<3>(keys, "keys")[0];
  a.query = in<float, 3>(query, "query", {T, B, H});
  a.keys = in<float, 3>(keys, "keys", {a.S, B, H});
  a.v = in<float, 1>(v, "v", {H});
  return a;
}

// scores (B, T, S)
py::array_t<float> additive_scores_forward(const py::array& query, const py::array& keys, const py::array& v) {
  AdditiveScores a = additive_of(query, keys, v);
  py::array_t<float> scores({a.B, a.T, a.S});
  a.scores = scores.mutable_data();
  py::gil_scoped_release nogil;
  parallel_for(a.B, threads_for(a.T * a.B * a.S * a.H),
               [&](std::int64_t b, int) { kernels().additive_scores_forward(a, b); });
  return scores;
}

// (dquery, dkeys, dv)
py::tuple additive_scores_backward(const py::array& dscores, const py::array& query, const py::array& keys,
                                   const py::array& v) {
  AdditiveScores a = additive_of(query, keys, v);
  a.dscores = in<float, 3>(dscores, "dscores", {a.B, a.T, a.S});
  py::array_t<float> dquery({a.T, a.B, a.H}), dkeys({a.S, a.B, a.H}), dv(a.H);
  std::vector<float> shares(static_cast<std::size_t>(a.B * a.H));
  a.dquery = dquery.mutable_data();
  a.dkeys = dkeys.mutable_data();
  a.dv = shares.data();
  float* total = dv.mutable_data();
  {
    py::gil_scoped_release nogil;
    parallel_for(a.B, threads_for(a.T * a.B * a.S * a.H),
                 [&](std::int64_t b, int) { kernels().additive_scores_backward(a, b); });
    std::fill(total, total + a.H, 0.0f);
    for (std::int64_t b = 0; b < a.B; ++b) {
      for (std::int64_t i = 0; i < a.H; ++i) total[i] += shares[b * a.H + i];
    }
  }
  return py::make_tuple(dquery, dkeys, dv);
}

}  // namespace

void bind_losses(py::module_& m) {
  using py::arg;
  m.def("softmax_forward", [](const py::array& x) { return softmax_of(kernels().softmax_forward, x); }, arg("x"));
  m.def(
      "softmax_backward",
      [](const py::array& y, const py::array& dy) { return softmax_backward_of(kernels().softmax_backward, y, dy); },
      arg("y"), arg("dy"));
  m.def(
      "log_softmax_forward", [](const py::array& x) { return softmax_of(kernels().log_softmax_forward, x); }, arg("x"));
  m.def(
      "log_softmax_backward",
      [](const py::array& y, const py::array& dy) {
        return softmax_backward_of(kernels().log_softmax_backward, y, dy);
      },
      arg("y"), arg("dy"));
  m.def("cross_entropy", &cross_entropy, arg("logits"), arg("targets"), arg("ignore_index"), arg("weight"),
        arg("label_smoothing"), arg("mean"), arg("with_gradient"));
  m.def("scale_rows", &scale_rows, arg("matrix"), arg("factors"));
  m.def("ctc", &ctc, arg("x"), arg("targets"), arg("target_offsets"), arg("input_lengths"), arg("blank"),
        arg("normalise"), arg("with_gradient"));
  m.def("crf", &crf, arg("emissions"), arg("tags"), arg("lengths"), arg("transitions"), arg("start"), arg("end"),
        arg("with_gradient"));
  m.def("crf_decode", &crf_decode, arg("emissions"), arg("lengths"), arg("transitions"), arg("start"), arg("end"));
  m.def("attention_forward", &attention_forward, arg("query"), arg("keys"), arg("values"), arg("mask"));
  m.def("attend_forward", &attend_forward, arg("scores"), arg("values"), arg("mask"));
  m.def("attention_backward", &attention_backward, arg("dcontext"), arg("dweights"), arg("weights"), arg("query"),
        arg("keys"), arg("values"), arg("mask"), arg("shared"));
  m.def("additive_scores_forward", &additive_scores_forward, arg("query"), arg("keys"), arg("v"));
  m.def("additive_scores_backward", &additive_scores_backward, arg("dscores"), arg("query"), arg("keys"), arg("v"));
}

}  // namespace lexigrad
