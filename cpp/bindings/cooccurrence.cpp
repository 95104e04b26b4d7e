// Counts of words near words, and what is made of them before a singular value decomposition.
#include "core/cooccurrence.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "core/parallel.h"

namespace lexigrad {
namespace {

std::int32_t checked_size(std::int64_t vocabulary) {
  if (vocabulary < 1 || vocabulary > INT32_MAX) throw std::invalid_argument("the vocabulary must not be empty");
  return static_cast<std::int32_t>(vocabulary);
}

int checked_threads(int threads) {
  if (threads < 1) throw std::invalid_argument("threads must be at least 1");
  return threads;
}

std::span<const std::int32_t> tokens_of(const py::array& tokens) {
  const auto [size] = shape<1>(tokens, "tokens");
  return {in<std::int32_t, 1>(tokens, "tokens", {size}), static_cast<std::size_t>(size)};
}

// Blocks as arrays (sizes of the rows, columns, values).
py::tuple arrays_of(const std::vector<RowBlock>& blocks, int threads) {
  std::vector<std::int64_t> rows{0}, entries{0};
  for (const auto& block : blocks) {
    rows.push_back(rows.back() + std::ssize(block.sizes));
    entries.push_back(entries.back() + std::ssize(block.columns));
  }
  py::array_t<std::int64_t> sizes(rows.back());
  py::array_t<std::int32_t> columns(entries.back());
  py::array_t<float> values(entries.back());
  auto* s = sizes.mutable_data();
  auto* c = columns.mutable_data();
  auto* v = values.mutable_data();
  {
    py::gil_scoped_release nogil;
    parallel_for(std::ssize(blocks), threads, [&](std::int64_t task, int) {
      const auto t = static_cast<std::size_t>(task);
      const RowBlock& block = blocks[t];
      std::copy(block.sizes.begin(), block.sizes.end(), s + rows[t]);
      std::copy(block.columns.begin(), block.columns.end(), c + entries[t]);
      std::copy(block.values.begin(), block.values.end(), v + entries[t]);
    });
  }
  return py::make_tuple(std::move(sizes), std::move(columns), std::move(values));
}

class PyCounter {
 public:
  PyCounter(const py::array& tokens, std::int64_t begin, std::int64_t end, std::int64_t vocabulary,
            std::vector<double> weights, bool symmetric, int threads)
      : tokens_(tokens), vocabulary_(checked_size(vocabulary)), threads_(checked_threads(threads)) {
    const auto span = tokens_of(tokens_);
    py::gil_scoped_release nogil;
    counter_ = std::make_unique<CooccurrenceCounter>(span, begin, end, vocabulary_,
                                                     Neighbourhood{std::move(weights), symmetric}, threads_);
  }

  // The rows from `first` on, as many as may have `entries` entries, but at least one: (sizes, columns, values).
  py::tuple rows(std::int64_t first, std::int64_t entries) const {
    if (first < 0 || first >= vocabulary_) throw std::invalid_argument("first must be a row");
    std::int64_t last = first, room = entries;
    do room -= counter_->most_entries(last++);
    while (last < vocabulary_ && room >= counter_->most_entries(last));
    std::vector<RowBlock> blocks;
    {
      py::gil_scoped_release nogil;
      blocks = counter_->rows(first, last);
    }
    return arrays_of(blocks, threads_);
  }

 private:
  const py::array tokens_;  // the counter reads it
  const std::int32_t vocabulary_;
  const int threads_;
  std::unique_ptr<CooccurrenceCounter> counter_;
};

// A matrix (offsets, columns, values), whole and with columns below `columns` throughout.
SparseRows sparse_of(const py::tuple& matrix, std::int64_t rows, std::int64_t columns) {
  if (matrix.size() != 3) throw std::invalid_argument("a matrix must be (offsets, columns, values)");
  const py::array offsets = matrix[0], ids = matrix[1], values = matrix[2];
  const auto [size] = shape<1>(ids, "columns");
  SparseRows m{in<std::int64_t, 1>(offsets, "offsets", {rows + 1}), in<std::int32_t, 1>(ids, "columns", {size}),
               in<float, 1>(values, "values", {size})};
  if (m.offsets[0] != 0 || m.offsets[rows] != size || !std::is_sorted(m.offsets, m.offsets + rows + 1)) {
    throw std::invalid_argument("offsets must rise from 0 to the number of values");
  }
  for (std::int64_t i = 0; i < size; ++i) {
    if (m.columns[i] < 0 || m.columns[i] >= columns) throw std::invalid_argument("a column is out of range");
  }
  return m;
}

class PyMerger {
 public:
  PyMerger(std::vector<py::tuple> parts, std::int64_t vocabulary, int threads)
      : held_(std::move(parts)), vocabulary_(checked_size(vocabulary)), threads_(checked_threads(threads)) {
    for (const auto& part : held_) parts_.push_back(sparse_of(part, vocabulary, vocabulary));
  }

  py::tuple rows(std::int64_t first, std::int64_t entries) const {
    if (first < 0 || first >= vocabulary_) throw std::invalid_argument("first must be a row");
    const auto most = [&](std::int64_t row) {
      std::int64_t found = 0;
      for (const auto& part : parts_) found += part.offsets[row + 1] - part.offsets[row];
      return found;
    };
    std::int64_t last = first, room = entries;
    do room -= most(last++);
    while (last < vocabulary_ && room >= most(last));
    std::vector<RowBlock> blocks;
    {
      py::gil_scoped_release nogil;
      blocks = merged_rows(parts_, first, last, vocabulary_, threads_);
    }
    return arrays_of(blocks, threads_);
  }

 private:
  const std::vector<py::tuple> held_;  // parts_ point into them
  const std::int32_t vocabulary_;
  const int threads_;
  std::vector<SparseRows> parts_;
};

std::int64_t py_positive_information(py::array offsets, py::array columns, py::array values, const py::array& row_logs,
                                     const py::array& column_logs, double log_shift, int threads) {
  const auto [rows] = shape<1>(row_logs, "row_logs");
  const auto [width] = shape<1>(column_logs, "column_logs");
  sparse_of(py::make_tuple(offsets, columns, values), rows, width);
  const auto [size] = shape<1>(columns, "columns");
  auto* o = inout<std::int64_t, 1>(offsets, "offsets", {rows + 1});
  auto* c = inout<std::int32_t, 1>(columns, "columns", {size});
  auto* v = inout<float, 1>(values, "values", {size});
  const auto* r = in<double, 1>(row_logs, "row_logs", {rows});
  const auto* w = in<double, 1>(column_logs, "column_logs", {width});
  py::gil_scoped_release nogil;
  return positive_information(rows, o, c, v, r, w, log_shift, checked_threads(threads));
}

py::tuple py_sentence_rows(const py::array& tokens, std::int64_t vocabulary, int threads) {
  const auto span = tokens_of(tokens);
  const std::int32_t size = checked_size(vocabulary);
  std::vector<RowBlock> blocks;
  {
    py::gil_scoped_release nogil;
    blocks = sentence_rows(span, size, checked_threads(threads));
  }
  return arrays_of(blocks, threads);
}

}  // namespace

void bind_cooccurrence(py::module_& m) {
  py::class_<PyCounter>(m, "CooccurrenceCounter")
      .def(py::init<const py::array&, std::int64_t, std::int64_t, std::int64_t, std::vector<double>, bool, int>(),
           py::arg("tokens"), py::kw_only(), py::arg("begin"), py::arg("end"), py::arg("vocabulary"),
           py::arg("weights"), py::arg("symmetric"), py::arg("threads"))
      .def("rows", &PyCounter::rows, py::arg("first"), py::arg("entries"));
  py::class_<PyMerger>(m, "CooccurrenceMerger")
      .def(py::init<std::vector<py::tuple>, std::int64_t, int>(), py::arg("parts"), py::kw_only(),
           py::arg("vocabulary"), py::arg("threads"))
      .def("rows", &PyMerger::rows, py::arg("first"), py::arg("entries"));
  m.def("positive_information", &py_positive_information, py::arg("offsets"), py::arg("columns"), py::arg("values"),
        py::kw_only(), py::arg("row_logs"), py::arg("column_logs"), py::arg("log_shift"), py::arg("threads"));
  m.def("sentence_rows", &py_sentence_rows, py::arg("tokens"), py::kw_only(), py::arg("vocabulary"),
        py::arg("threads"));
}

}  // namespace lexigrad
