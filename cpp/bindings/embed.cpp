// Training of embeddings: check, release the GIL, train, return.
#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "bindings/arrays.h"
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/sampling.h"

namespace lexigrad {
namespace {

constexpr std::size_t kAlignment = 64;

struct AlignedDelete {
  void operator()(void* p) const { ::operator delete(p, std::align_val_t{kAlignment}); }
};
using Workspace = std::unique_ptr<void, AlignedDelete>;

Workspace zeroed_workspace(std::size_t bytes) {
  Workspace workspace(::operator new(std::max(bytes, kAlignment), std::align_val_t{kAlignment}));
  std::memset(workspace.get(), 0, bytes);
  return workspace;
}

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

// A matrix of the model: rows 64-byte aligned, `stride` floats apart, of which `stride` may be read.
float* model_matrix(py::array& a, const char* name, std::int64_t count, std::int64_t stride) {
  float* data = inout<float, 2>(a, name, {count, stride});
  if (count > 0 && reinterpret_cast<std::uintptr_t>(data) % kAlignment != 0) {
    throw py::type_error(std::string(name) + " must be aligned to 64 bytes");
  }
  return data;
}

Outputs outputs_of(std::int64_t vocabulary, std::int64_t stride, std::optional<py::array>& rows,
                   std::optional<py::array>& nodes, int negative, const std::optional<py::array>& alias,
                   const std::optional<py::tuple>& tree, bool softmax) {
  Outputs o{};
  o.stride = stride;
  o.vocabulary = static_cast<std::int32_t>(vocabulary);
  o.negative = negative;
  o.softmax = softmax;
  o.hierarchical = tree.has_value();
  if (negative < 0) throw std::invalid_argument("negative must not be below 0, not " + std::to_string(negative));
  if (negative > 0 || softmax) {
    if (!rows) throw std::invalid_argument("negative sampling and softmax need output rows");
    o.rows = model_matrix(*rows, "rows", vocabulary, stride);
  }
  if (negative > 0) {
    if (!alias) throw std::invalid_argument("negative sampling needs an alias table");
    o.alias = reinterpret_cast<const AliasEntry*>(in<std::uint32_t, 2>(*alias, "alias", {vocabulary, 2}));
  }
  if (tree) {
    if (!nodes) throw std::invalid_argument("hierarchical softmax needs nodes");
    o.nodes = model_matrix(*nodes, "nodes", std::max<std::int64_t>(vocabulary - 1, 0), stride);
    if (tree->size() != 3) throw std::invalid_argument("tree must be (offsets, nodes, labels)");
    const py::array offsets = (*tree)[0], path_nodes = (*tree)[1], labels = (*tree)[2];
    o.path_offsets = in<std::int64_t, 1>(offsets, "offsets", {vocabulary + 1});
    const std::int64_t length = path_nodes.size();
    if (o.path_offsets[0] != 0 || o.path_offsets[vocabulary] != length) {
      throw std::invalid_argument("offsets must run from 0 to the number of path nodes");
    }
    o.path_nodes = in<std::int32_t, 1>(path_nodes, "path nodes", {length});
    o.path_labels = in<float, 1>(labels, "path labels", {length});
    for (std::int64_t w = 0; w < vocabulary; ++w) {
      const std::int64_t steps = o.path_offsets[w + 1] - o.path_offsets[w];
      if (steps < 0 || steps > vocabulary) throw std::invalid_argument("offsets must rise");
      o.longest_path = std::max(o.longest_path, static_cast<int>(steps));
    }
    for (std::int64_t i = 0; i < length; ++i) {
      if (o.path_nodes[i] < 0 || o.path_nodes[i] >= vocabulary - 1) {
        throw std::invalid_argument("path nodes must lie below the vocabulary's size - 1");
      }
    }
  }
  return o;
}

// Task number -> block, such that consecutive tasks, which run at the same time, lie far apart in the corpus:
// neighbouring text shares rare words, and with them rows that would move from core to core.
std::int64_t spread(std::int64_t task, std::int64_t tasks, std::int64_t lanes) {
  const std::int64_t lane = task % lanes, base = tasks / lanes, extra = tasks % lanes;
  return lane * base + std::min(lane, extra) + task / lanes;
}

py::dict word2vec_train(const py::array& tokens, std::int64_t begin, std::int64_t end, std::int64_t block, int threads,
                        double alpha, double alpha_step, double min_alpha, std::uint64_t key, std::int64_t vector_size,
                        py::array input, std::optional<py::array> rows, std::optional<py::array> nodes,
                        const std::optional<py::array>& lock, const std::optional<py::array>& keep,
                        const std::optional<py::array>& alias, const std::optional<py::tuple>& tree, int negative,
                        bool softmax, std::int64_t window, bool shrink_windows, bool skip_gram, bool mean,
                        bool compute_loss) {
  Word2Vec a{};
  const auto [size] = shape<1>(tokens, "tokens");
  const auto [vocabulary, stride] = shape<2>(input, "input");
  a.tokens = in<std::int32_t, 1>(tokens, "tokens", {size});
  a.size = size;
  if (begin < 0 || begin > end || end > size) throw std::invalid_argument("begin and end must lie within the tokens");
  if (block < 1) throw std::invalid_argument("block must be at least 1");
  if (window < 1) throw std::invalid_argument("window must be at least 1");
  if (vocabulary < 1 || vocabulary > INT32_MAX) throw std::invalid_argument("the vocabulary must not be empty");
  if (vector_size < 1 || stride % 16 != 0 || stride < vector_size || stride - vector_size >= 16) {
    throw std::invalid_argument("rows must be padded to the next multiple of 16 floats");
  }
  a.input = model_matrix(input, "input", vocabulary, stride);
  a.stride = stride;
  const std::int64_t width = kernels().width;
  a.padded_size = (vector_size + width - 1) / width * width;
  a.outputs = outputs_of(vocabulary, stride, rows, nodes, negative, alias, tree, softmax);
  if (lock) a.lock = in<float, 1>(*lock, "lock", {vocabulary});
  if (keep) a.keep = in<std::uint32_t, 1>(*keep, "keep", {vocabulary});
  a.window = window;
  a.shrink_windows = shrink_windows;
  a.skip_gram = skip_gram;
  a.mean = mean;
  a.compute_loss = compute_loss;
  a.key = key;
  a.longest_block = block;

  const std::int64_t tasks = (end - begin + block - 1) / block;
  std::vector<TrainingTotals> totals(static_cast<std::size_t>(tasks));
  {
    py::gil_scoped_release nogil;
    const std::size_t bytes = kernels().word2vec_workspace(a);
    const std::int64_t workers = std::max<std::int64_t>(1, std::min<std::int64_t>(threads, tasks));
    std::vector<Workspace> workspaces(static_cast<std::size_t>(workers));
    parallel_for(tasks, threads, [&](std::int64_t task, int worker) {
      auto& workspace = workspaces[static_cast<std::size_t>(worker)];
      if (!workspace) workspace = zeroed_workspace(bytes);
      const std::int64_t first = begin + spread(task, tasks, workers) * block;
      // From the position alone, so that it does not depend on where a call begins.
      const double rate = std::max(min_alpha, alpha - alpha_step * static_cast<double>(first));
      kernels().word2vec(a, first, std::min(end, first + block), static_cast<float>(rate), workspace.get(),
                         totals[static_cast<std::size_t>(task)]);
    });
  }
  TrainingTotals all;
  for (const auto& t : totals) {  // in order, so that the sum does not depend on who was first
    all.loss += t.loss;
    all.predictions += t.predictions;
    all.kept += t.kept;
    all.diverged |= t.diverged;
    if (t.unknown_token) throw std::invalid_argument("tokens must lie below the vocabulary's size");
  }
  py::dict result;
  result["loss"] = all.loss;
  result["predictions"] = all.predictions;
  result["kept"] = all.kept;
  result["diverged"] = all.diverged;
  return result;
}

}  // namespace

void bind_embed(py::module_& m) {
  m.def("keep_limits", &py_keep_limits, py::arg("counts"), py::arg("sample"));
  m.def("alias_table", &py_alias_table, py::arg("counts"), py::arg("exponent"));
  m.def("huffman", &py_huffman, py::arg("counts"));
  m.def("word2vec_train", &word2vec_train, py::arg("tokens"), py::kw_only(), py::arg("begin"), py::arg("end"),
        py::arg("block"), py::arg("threads"), py::arg("alpha"), py::arg("alpha_step"), py::arg("min_alpha"),
        py::arg("key"), py::arg("vector_size"), py::arg("input"), py::arg("rows").none(true),
        py::arg("nodes").none(true), py::arg("lock").none(true), py::arg("keep").none(true),
        py::arg("alias").none(true), py::arg("tree").none(true), py::arg("negative"), py::arg("softmax"),
        py::arg("window"), py::arg("shrink_windows"), py::arg("skip_gram"), py::arg("mean"), py::arg("compute_loss"));
}

}  // namespace lexigrad
