#include "bindings/training.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "core/dispatch.h"
#include "core/parallel.h"

namespace lexigrad {
namespace {

constexpr std::size_t kAlignment = 64;

// Task number -> block, such that consecutive tasks, which run at the same time, lie far apart in the corpus:
// neighbouring text shares rare words, and with them rows that would move from core to core.
std::int64_t spread(std::int64_t task, std::int64_t tasks, std::int64_t lanes) {
  const std::int64_t lane = task % lanes, base = tasks / lanes, extra = tasks % lanes;
  return lane * base + std::min(lane, extra) + task / lanes;
}

}  // namespace

void Workspaces::Delete::operator()(void* p) const { ::operator delete(p, std::align_val_t{kAlignment}); }

Workspaces::Workspaces(std::size_t bytes, std::int64_t workers)
    : bytes_(bytes), workspaces_(static_cast<std::size_t>(workers)) {}

void* Workspaces::of(int worker) {
  auto& workspace = workspaces_[static_cast<std::size_t>(worker)];
  if (!workspace) {
    workspace.reset(::operator new(std::max(bytes_, kAlignment), std::align_val_t{kAlignment}));
    std::memset(workspace.get(), 0, bytes_);
  }
  return workspace.get();
}

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

void check_padding(std::int64_t size, std::int64_t stride) {
  if (size < 1 || stride % 16 != 0 || stride < size || stride - size >= 16) {
    throw std::invalid_argument("rows must be padded to the next multiple of 16 floats");
  }
}

std::int64_t padded_size(std::int64_t size) {
  const std::int64_t width = kernels().width;
  return (size + width - 1) / width * width;
}

Corpus corpus_of(const py::array& tokens, std::int64_t vocabulary, const std::optional<py::array>& keep,
                 std::uint64_t key, std::int64_t window, bool shrink_windows, std::int64_t block) {
  Corpus c{};
  const auto [size] = shape<1>(tokens, "tokens");
  c.tokens = in<std::int32_t, 1>(tokens, "tokens", {size});
  c.size = size;
  if (vocabulary < 1 || vocabulary > INT32_MAX) throw std::invalid_argument("the vocabulary must not be empty");
  c.vocabulary = static_cast<std::int32_t>(vocabulary);
  if (keep) c.keep = in<std::uint32_t, 1>(*keep, "keep", {vocabulary});
  if (window < 1) throw std::invalid_argument("window must be at least 1");
  c.key = key;
  c.window = window;
  c.shrink_windows = shrink_windows;
  c.longest_block = block;
  return c;
}

void check_schedule(const Schedule& s, std::int64_t size) {
  if (s.begin < 0 || s.begin > s.end || s.end > size) {
    throw std::invalid_argument("begin and end must lie within the tokens");
  }
  if (s.block < 1) throw std::invalid_argument("block must be at least 1");
}

std::int64_t Schedule::workers() const { return std::max<std::int64_t>(1, std::min<std::int64_t>(threads, tasks())); }

py::dict train_blocks(const Schedule& s, const std::function<std::size_t()>& workspace_bytes, const TrainBlock& train) {
  const std::int64_t tasks = s.tasks(), workers = s.workers();
  std::vector<TrainingTotals> totals(static_cast<std::size_t>(tasks));
  {
    py::gil_scoped_release nogil;
    Workspaces workspaces(workspace_bytes(), workers);
    parallel_for(tasks, s.threads, [&](std::int64_t task, int worker) {
      const std::int64_t first = s.begin + spread(task, tasks, workers) * s.block;
      // From the position alone, so that it does not depend on where a call begins.
      const double rate = std::max(s.min_alpha, s.alpha - s.alpha_step * static_cast<double>(first));
      train(first, std::min(s.end, first + s.block), static_cast<float>(rate), workspaces.of(worker),
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

}  // namespace lexigrad
