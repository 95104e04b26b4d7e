// The search for what CTC's scores mean.
#include "core/ctc_decode.h"

#include <pybind11/stl.h>

#include <cmath>
#include <limits>

#include "bindings/arrays.h"

namespace lexigrad {
namespace {

// Log-probabilities may be -infinity, but neither infinity nor NaN, with which no order holds.
template <typename T>
void check_log_probs(const T* values, std::int64_t count, const char* name) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (!(values[i] <= std::numeric_limits<T>::max())) {
      throw std::invalid_argument(std::string(name) + " must be log-probabilities, but there is a " +
                                  std::to_string(values[i]));
    }
  }
}

struct Beams {
  PrefixBeams beams;
  std::int64_t classes;
};

Beams prefix_beams(std::int64_t classes, std::int64_t blank, std::int64_t beam_size, std::int64_t followers,
                   bool with_language_model, double weight, double bonus) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (classes < 1 || classes > most || blank < 0 || blank >= classes || beam_size < 1 || beam_size > most ||
      followers < 1 || followers > most || !(weight >= 0) || !std::isfinite(weight) || !std::isfinite(bonus)) {
    throw std::invalid_argument("a setting of the search is out of range");
  }
  return {PrefixBeams({classes, blank, beam_size, followers, with_language_model, weight, bonus}), classes};
}

}  // namespace

void bind_ctc_decode(py::module_& m) {
  using py::arg;
  py::class_<Beams>(m, "PrefixBeams")
      .def(py::init(&prefix_beams), arg("classes"), arg("blank"), arg("beam_size"), arg("followers"),
           arg("with_language_model"), arg("weight"), arg("bonus"))
      .def(
          "advance",
          [](Beams& self, const py::array& log_probs, std::int64_t begin) {
            const auto frames = shape<2>(log_probs, "log_probs")[0];
            const float* values = in<float, 2>(log_probs, "log_probs", {frames, self.classes});
            if (begin < 0 || begin > frames) throw std::invalid_argument("begin must be a frame of log_probs");
            py::gil_scoped_release nogil;
            values += begin * self.classes;
            check_log_probs(values, (frames - begin) * self.classes, "log_probs");
            return begin + self.beams.advance(values, frames - begin);
          },
          arg("log_probs"), arg("begin"))
      .def("missing", [](const Beams& self) { return self.beams.missing(); })
      .def(
          "supply",
          [](Beams& self, const py::array& log_probs) {
            const double* values = in<double, 1>(log_probs, "log_probs", {self.classes});
            check_log_probs(values, self.classes, "log_probs");
            self.beams.supply(values);
          },
          arg("log_probs"))
      .def("results", [](const Beams& self) {
        py::list found;
        for (const auto& one : self.beams.results()) found.append(py::make_tuple(one.labels, one.score));
        return found;
      });
}

}  // namespace lexigrad
