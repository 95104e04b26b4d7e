// GloVe: groups of counts, in a given order, on the pool.
#include <algorithm>
#include <cmath>

#include "bindings/training.h"
#include "core/dispatch.h"

namespace lexigrad {
namespace {

py::dict glove_train(const py::array& order, std::int64_t begin, std::int64_t end, std::int64_t block, int threads,
                     double alpha, const py::array& offsets, const py::array& columns, const py::array& values,
                     const py::array& group_rows, const py::array& first_groups, std::int64_t vector_size,
                     py::array words, py::array contexts, py::array word_squares, py::array context_squares,
                     py::array biases, double x_max, double exponent) {
  Glove a{};
  const auto [groups] = shape<1>(order, "order");
  const auto [vocabulary, stride] = shape<2>(words, "words");
  const auto [entries] = shape<1>(columns, "columns");
  a.groups = groups;
  a.vocabulary = vocabulary;
  a.order = in<std::int32_t, 1>(order, "order", {groups});
  a.group_rows = in<std::int32_t, 1>(group_rows, "group_rows", {groups});
  a.first_groups = in<std::int64_t, 1>(first_groups, "first_groups", {vocabulary});
  a.offsets = in<std::int64_t, 1>(offsets, "offsets", {vocabulary + 1});
  a.columns = in<std::int32_t, 1>(columns, "columns", {entries});
  a.values = in<float, 1>(values, "values", {entries});
  if (a.offsets[0] != 0 || a.offsets[vocabulary] != entries || !std::is_sorted(a.offsets, a.offsets + vocabulary + 1)) {
    throw std::invalid_argument("offsets must rise from 0 to the number of values");
  }
  check_padding(vector_size, stride);
  a.stride = stride;
  a.padded_size = padded_size(vector_size);
  a.words = model_matrix(words, "words", vocabulary, stride);
  a.contexts = model_matrix(contexts, "contexts", vocabulary, stride);
  a.word_squares = model_matrix(word_squares, "word_squares", vocabulary, stride);
  a.context_squares = model_matrix(context_squares, "context_squares", vocabulary, stride);
  a.biases = inout<float, 2>(biases, "biases", {vocabulary, 4});
  if (!(x_max > 0)) throw std::invalid_argument("x_max must be above 0");
  a.log_x_max = static_cast<float>(std::log(x_max));
  a.exponent = static_cast<float>(exponent);
  const Schedule schedule{begin, end, block, threads, alpha, 0, alpha};
  check_schedule(schedule, groups);
  return train_blocks(
      schedule, [] { return std::size_t{0}; },
      [&](std::int64_t first, std::int64_t last, float rate, void*, TrainingTotals& totals) {
        kernels().glove(a, first, last, rate, totals);
      });
}

}  // namespace

void bind_glove(py::module_& m) {
  m.attr("GLOVE_GROUP") = kGloveGroup;
  m.def("glove_train", &glove_train, py::arg("order"), py::kw_only(), py::arg("begin"), py::arg("end"),
        py::arg("block"), py::arg("threads"), py::arg("alpha"), py::arg("offsets"), py::arg("columns"),
        py::arg("values"), py::arg("group_rows"), py::arg("first_groups"), py::arg("vector_size"), py::arg("words"),
        py::arg("contexts"), py::arg("word_squares"), py::arg("context_squares"), py::arg("biases"), py::arg("x_max"),
        py::arg("exponent"));
}

}  // namespace lexigrad
