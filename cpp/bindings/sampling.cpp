// Tables that trainers of embeddings draw from: subsampling, negative samples, the Huffman tree.
#include "core/sampling.h"

#include <type_traits>

#include "bindings/arrays.h"

namespace lexigrad {
namespace {

py::array_t<std::uint32_t> py_keep_limits(const py::array& counts, double sample) {
  const auto [size] = shape<1>(counts, "counts");
  const auto* c = in<std::int64_t, 1>(counts, "counts", {size});
  if (!(sample > 0)) throw std::invalid_argument("sample must be above 0, not " + std::to_string(sample));
  py::array_t<std::uint32_t> limits(size);
  keep_limits(c, size, sample, limits.mutable_data());
  return limits;
}

// As (V, 2) uint32: threshold, alias.
py::array_t<std::uint32_t> py_alias_table(const py::array& counts, double exponent) {
  const auto [size] = shape<1>(counts, "counts");
  const auto* c = in<std::int64_t, 1>(counts, "counts", {size});
  if (size == 0) throw std::invalid_argument("counts must not be empty");
  py::array_t<std::uint32_t> table({size, std::int64_t{2}});
  static_assert(sizeof(AliasEntry) == 2 * sizeof(std::uint32_t));
  alias_table(c, size, exponent, reinterpret_cast<AliasEntry*>(table.mutable_data()));
  return table;
}

py::tuple py_huffman(const py::array& counts) {
  const auto [size] = shape<1>(counts, "counts");
  const auto* c = in<std::int64_t, 1>(counts, "counts", {size});
  const Huffman tree = huffman(c, size);
  const auto array = [](const auto& v) {
    using T = typename std::decay_t<decltype(v)>::value_type;
    return py::array_t<T>(static_cast<py::ssize_t>(v.size()), v.data());
  };
  return py::make_tuple(array(tree.offsets), array(tree.nodes), array(tree.labels));
}

}  // namespace

void bind_sampling(py::module_& m) {
  m.def("keep_limits", &py_keep_limits, py::arg("counts"), py::arg("sample"));
  m.def("alias_table", &py_alias_table, py::arg("counts"), py::arg("exponent"));
  m.def("huffman", &py_huffman, py::arg("counts"));
}

}  // namespace lexigrad
