// Trained vectors: similarity search and the parsing of vector files.
#include "bindings/arrays.h"
#include "core/dispatch.h"
#include "core/parallel.h"

#include <algorithm>

namespace lexigrad {
namespace {

constexpr std::int64_t kFloatsPerTask = 1 << 18;  // about 50 microseconds of reading

py::array_t<float> row_dots(const py::array& matrix, const py::array& query, int threads) {
  const auto m = rows<float>(matrix, "matrix");
  const float* q = in<float, 1>(query, "query", {m.size});
  py::array_t<float> out(m.count);
  RowDots a{m.data, m.stride, m.size, q, out.mutable_data()};
  py::gil_scoped_release nogil;
  const std::int64_t per_task = std::max<std::int64_t>(1, kFloatsPerTask / std::max<std::int64_t>(1, m.size));
  parallel_for((m.count + per_task - 1) / per_task, threads, [&](std::int64_t task, int) {
    kernels().row_dots(a, task * per_task, std::min(m.count, (task + 1) * per_task));
  });
  return out;
}

}  // namespace

void bind_vectors(py::module_& m) {
  m.def("row_dots", &row_dots, py::arg("matrix"), py::arg("query"), py::arg("threads"));
}

}  // namespace lexigrad
