// Trained vectors: similarity search.
#include <algorithm>

#include "bindings/arrays.h"
#include "core/arena.h"
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/similarity.h"

namespace lexigrad {
namespace {

constexpr std::int64_t kFloatsPerTask = 1 << 18;  // about 50 microseconds of reading
constexpr std::int64_t kLongestRow = 1 << 24;     // what 32-bit sums of products of codes allow

// Calls body(begin, end) for pieces of the rows.
template <typename Body>
void for_rows(std::int64_t count, std::int64_t size, int threads, const Body& body) {
  const std::int64_t per_task = std::max<std::int64_t>(1, kFloatsPerTask / std::max<std::int64_t>(1, size));
  parallel_for((count + per_task - 1) / per_task, threads,
               [&](std::int64_t task, int) { body(task * per_task, std::min(count, (task + 1) * per_task)); });
}

py::array_t<float> row_dots(const py::array& matrix, const py::array& query, int threads) {
  const auto m = rows<float>(matrix, "matrix");
  const float* q = in<float, 1>(query, "query", {m.size});
  py::array_t<float> out(m.count);
  const RowDots a{m.data, m.stride, m.size, q, nullptr, out.mutable_data()};
  py::gil_scoped_release nogil;
  for_rows(m.count, m.size, threads, [&](std::int64_t begin, std::int64_t end) { kernels().row_dots(a, begin, end); });
  return out;
}

py::array_t<float> row_norms(const py::array& matrix, int threads) {
  const auto m = rows<float>(matrix, "matrix");
  py::array_t<float> out(m.count);
  const RowNorms a{m.data, m.stride, m.size, out.mutable_data()};
  py::gil_scoped_release nogil;
  for_rows(m.count, m.size, threads, [&](std::int64_t begin, std::int64_t end) { kernels().row_norms(a, begin, end); });
  return out;
}

std::int64_t code_width(std::int64_t size) { return (size + kCodeWidth - 1) / kCodeWidth * kCodeWidth; }

py::array_t<std::int8_t> code_array(std::int64_t count, std::int64_t width) {
  auto* data = static_cast<std::int8_t*>(arena_acquire(static_cast<std::size_t>(count * width)));
  return py::array_t<std::int8_t>({count, width}, data, py::capsule(data, arena_release));
}

py::tuple quantise_rows(const py::array& matrix, const py::array& norms, int threads) {
  const auto m = rows<float>(matrix, "matrix");
  if (m.size > kLongestRow) throw std::invalid_argument("matrix must have at most 2^24 columns");
  const float* lengths = in<float, 1>(norms, "norms", {m.count});
  auto codes = code_array(m.count, code_width(m.size));
  py::array_t<float> scales(m.count), errors(m.count);
  const QuantiseRows a{m.data,
                       m.stride,
                       m.size,
                       lengths,
                       codes.mutable_data(),
                       code_width(m.size),
                       scales.mutable_data(),
                       errors.mutable_data()};
  {
    py::gil_scoped_release nogil;
    for_rows(m.count, m.size, threads,
             [&](std::int64_t begin, std::int64_t end) { kernels().quantise_rows(a, begin, end); });
  }
  return py::make_tuple(codes, scales, errors);
}

void check_offsets(const std::int64_t* offsets, std::int64_t count, std::int64_t total) {
  bool valid = offsets[0] == 0 && offsets[count] == total;
  for (std::int64_t i = 0; i < count; ++i) valid = valid && offsets[i] <= offsets[i + 1];
  if (!valid) throw std::invalid_argument("excluded_offsets must rise from 0 to the length of excluded");
}

py::tuple neighbours(const py::array& matrix, const py::array& norms, const py::array& codes, const py::array& scales,
                     const py::array& errors, const py::array& queries, std::int64_t topn, std::int64_t begin,
                     std::int64_t end, const py::array& excluded, const py::array& excluded_offsets, int threads) {
  const auto m = rows<float>(matrix, "matrix");
  const std::int64_t width = code_width(m.size);
  if (begin < 0 || end < begin || end > m.count) {
    throw std::invalid_argument("begin and end must be a range of the rows of matrix");
  }
  if (topn < 0) throw std::invalid_argument("topn must not be negative");
  const Searched s{m.data,
                   m.stride,
                   m.size,
                   in<float, 1>(norms, "norms", {m.count}),
                   in<std::int8_t, 2>(codes, "codes", {m.count, width}),
                   width,
                   in<float, 1>(scales, "scales", {m.count}),
                   in<float, 1>(errors, "errors", {m.count}),
                   begin,
                   end};
  const std::int64_t count = shape<2>(queries, "queries")[0];
  const std::int64_t total = shape<1>(excluded, "excluded")[0];
  const std::int64_t kept = std::min(topn, end - begin);
  py::array_t<std::int64_t> indices({count, kept});
  py::array_t<float> scores({count, kept});
  const Neighbours n{in<float, 2>(queries, "queries", {count, m.size}),
                     count,
                     in<std::int64_t, 1>(excluded, "excluded", {total}),
                     in<std::int64_t, 1>(excluded_offsets, "excluded_offsets", {count + 1}),
                     kept,
                     indices.mutable_data(),
                     scores.mutable_data()};
  check_offsets(n.excluded_offsets, count, total);
  {
    py::gil_scoped_release nogil;
    find_neighbours(s, n, threads);
  }
  return py::make_tuple(indices, scores);
}

}  // namespace

void bind_vectors(py::module_& m) {
  m.def("row_dots", &row_dots, py::arg("matrix"), py::arg("query"), py::arg("threads"));
  m.def("row_norms", &row_norms, py::arg("matrix"), py::arg("threads"));
  m.def("quantise_rows", &quantise_rows, py::arg("matrix"), py::arg("norms"), py::arg("threads"));
  m.def("find_neighbours", &neighbours, py::arg("matrix"), py::arg("norms"), py::arg("codes"), py::arg("scales"),
        py::arg("errors"), py::arg("queries"), py::arg("topn"), py::arg("begin"), py::arg("end"), py::arg("excluded"),
        py::arg("excluded_offsets"), py::arg("threads"));
}

}  // namespace lexigrad
