// Files of vectors: parsing and formatting of rows.
#include <pybind11/stl.h>

#include <algorithm>
#include <tuple>

#include "bindings/arrays.h"
#include "core/vector_file.h"

namespace lexigrad {
namespace {

std::string_view bytes_of(const py::array& block) {
  const auto [size] = shape<1>(block, "block");
  return {reinterpret_cast<const char*>(in<std::uint8_t, 1>(block, "block", {size})), static_cast<std::size_t>(size)};
}

// Rows [begin, end) of the matrix that a reader fills.
RowTarget row_target(py::array& vectors, std::int64_t begin, std::int64_t end) {
  const auto [count, dim] = shape<2>(vectors, "vectors");
  if (dim < 1) throw std::invalid_argument("vectors must have at least one column");
  if (begin < 0 || end < begin || end > count) throw std::invalid_argument("begin and end must be rows of vectors");
  return {inout<float, 2>(vectors, "vectors", {count, dim}) + begin * dim, end - begin, dim};
}

// words, starts, consumed, fault, blank: ParsedRows as Python sees it.
using Parsed = std::tuple<py::bytes, py::array_t<std::int64_t>, std::int64_t, std::string, bool>;

Parsed to_python(const ParsedRows& found) {
  py::array_t<std::int64_t> starts(static_cast<py::ssize_t>(found.starts.size()), found.starts.data());
  return {py::bytes(found.words), std::move(starts), found.consumed, found.fault, found.blank};
}

Label label(bool words) { return words ? Label::word : Label::none; }

Parsed parse_binary_rows_py(const py::array& block, py::array& vectors, std::int64_t begin, std::int64_t end,
                            int threads) {
  const auto bytes = bytes_of(block);
  const auto target = row_target(vectors, begin, end);
  ParsedRows found;
  {
    py::gil_scoped_release nogil;
    found = parse_binary_rows(bytes, target, threads);
  }
  return to_python(found);
}

Parsed parse_text_rows_py(const py::array& block, py::array& vectors, std::int64_t begin, std::int64_t end, int threads,
                          bool last, bool words) {
  const auto bytes = bytes_of(block);
  const auto target = row_target(vectors, begin, end);
  ParsedRows found;
  {
    py::gil_scoped_release nogil;
    found = parse_text_rows(bytes, last, label(words), target, threads);
  }
  return to_python(found);
}

RowSource row_source(const py::array& vectors) {
  const auto r = rows<float>(vectors, "vectors");
  if (r.size < 1) throw std::invalid_argument("vectors must have at least one column");
  return {r.data, r.count, r.size, r.stride};
}

RowLabels row_labels(const py::array& labels, const py::array& offsets, std::int64_t rows) {
  const auto [size] = shape<1>(labels, "labels");
  const auto* bytes = in<std::uint8_t, 1>(labels, "labels", {size});
  const auto* bounds = in<std::int64_t, 1>(offsets, "offsets", {rows + 1});
  if (bounds[0] < 0 || bounds[rows] > size || !std::is_sorted(bounds, bounds + rows + 1)) {
    throw std::invalid_argument("offsets must rise from 0 to the size of labels");
  }
  return {reinterpret_cast<const char*>(bytes), bounds};
}

py::bytes format_binary_rows_py(const py::array& labels, const py::array& offsets, const py::array& vectors) {
  const auto source = row_source(vectors);
  const auto heads = row_labels(labels, offsets, source.count);
  std::string text;
  {
    py::gil_scoped_release nogil;
    text = format_binary_rows(heads, source);
  }
  return py::bytes(text);
}

py::bytes format_text_rows_py(const py::array& labels, const py::array& offsets, const py::array& vectors,
                              char separator, double scientific_from, int threads) {
  const auto source = row_source(vectors);
  const auto heads = row_labels(labels, offsets, source.count);
  std::string text;
  {
    py::gil_scoped_release nogil;
    text = format_text_rows(heads, source, {separator, scientific_from}, threads);
  }
  return py::bytes(text);
}

}  // namespace

void bind_vector_files(py::module_& m) {
  m.def("parse_binary_rows", &parse_binary_rows_py, py::arg("block"), py::arg("vectors"), py::arg("begin"),
        py::arg("end"), py::arg("threads"));
  m.def("parse_text_rows", &parse_text_rows_py, py::arg("block"), py::arg("vectors"), py::arg("begin"), py::arg("end"),
        py::arg("threads"), py::arg("last"), py::arg("words"));
  m.def(
      "count_text_columns",
      [](const py::array& block, bool words) { return count_text_columns(bytes_of(block), label(words)); },
      py::arg("block"), py::arg("words"));
  m.def("format_binary_rows", &format_binary_rows_py, py::arg("labels"), py::arg("offsets"), py::arg("vectors"));
  m.def("format_text_rows", &format_text_rows_py, py::arg("labels"), py::arg("offsets"), py::arg("vectors"),
        py::arg("separator"), py::arg("scientific_from"), py::arg("threads"));
}

}  // namespace lexigrad
