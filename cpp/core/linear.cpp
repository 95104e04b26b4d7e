#include "core/linear.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "core/arena.h"
#include "core/denormals.h"
#include "core/parallel.h"

namespace lexigrad {
namespace {

constexpr std::int64_t kFewProjected = 48;  // rows up to which W is used as it stands
constexpr std::int64_t kFewCombined = 8;
constexpr std::int64_t kChunkRows = 96;  // of a task
constexpr std::int64_t kChunkBlocks = 8;
constexpr std::int64_t kPackBlocks = 4;
constexpr std::int64_t kSumColumns = 128;
constexpr double kProductTime = 0.025;  // nanoseconds
constexpr double kThreadTime = 30'000;  // nanoseconds of work that are worth a thread

std::int64_t pieces_of(std::int64_t size, std::int64_t piece) { return (size + piece - 1) / piece; }

int useful_threads(const Linear& a, int threads, double products) {
  const auto size = static_cast<double>(a.rows) * static_cast<double>(a.inputs) * static_cast<double>(a.outputs);
  return static_cast<int>(std::min<double>(std::max(threads, 1), 1 + products * size * kProductTime / kThreadTime));
}

// Pointers to the rows of a matrix.
template <typename T>
T** rows_of(Workspace& space, T* data, std::int64_t count, std::int64_t size) {
  T** rows = space.get<T*>(count);
  for (std::int64_t i = 0; i < count; ++i) rows[i] = data + i * size;
  return rows;
}

// Work that any thread may do, in any order.
class Tasks {
 public:
  void add(std::function<void(int worker)> task) { tasks_.push_back(std::move(task)); }
  // Calls body(begin, end) for pieces of [0, size).
  template <typename Body>
  void add_pieces(std::int64_t size, std::int64_t piece, const Body& body) {
    for (std::int64_t begin = 0; begin < size; begin += piece) {
      add([=](int) { body(begin, std::min(size, begin + piece)); });
    }
  }
  void run(int threads) {
    parallel_for(static_cast<std::int64_t>(tasks_.size()), threads, [&](std::int64_t task, int worker) {
      const FlushDenormals flush;
      tasks_[static_cast<std::size_t>(task)](worker);
    });
    tasks_.clear();
  }

 private:
  std::vector<std::function<void(int)>> tasks_;
};

}  // namespace

void linear_forward(const Kernels& k, const Linear& a, const float* bias, float* y, int threads) {
  const std::int64_t blocks = pieces_of(a.outputs, k.panel_width);
  threads = useful_threads(a, threads, 1);
  Workspace space;
  float* shift = space.get<float>(blocks * k.panel_width);
  std::fill_n(shift, blocks * k.panel_width, 0.0f);
  if (bias) std::copy_n(bias, a.outputs, shift);
  const float* const* x = rows_of(space, a.x, a.rows, a.inputs);
  float* const* out = rows_of(space, y, a.rows, a.outputs);
  float* panels = a.rows > kFewProjected ? space.get<float>(blocks * k.panel_width * a.inputs) : nullptr;

  Tasks tasks;
  if (panels) {
    const PackRows pack{a.weight, a.inputs, a.outputs, 1, {}, panels};
    tasks.add_pieces(blocks, kPackBlocks, [&k, pack](auto begin, auto end) { k.pack_rows(pack, begin, end); });
    tasks.run(threads);
  }
  for (std::int64_t block = 0; block < blocks; block += kChunkBlocks) {  // rows within: the panels stay in L2
    const std::int64_t last = std::min(blocks, block + kChunkBlocks);
    tasks.add_pieces(a.rows, kChunkRows, [=, &k](std::int64_t begin, std::int64_t end) {
      const Project project{x + begin, out + begin, a.weight, panels, a.inputs, a.outputs, 1, {}, shift};
      k.project(project, end - begin, block, last);
    });
  }
  tasks.run(threads);
}

void linear_backward(const Kernels& k, const Linear& a, const float* dy, const LinearGradients& g, int threads) {
  const std::int64_t blocks = pieces_of(a.inputs, k.panel_width), panel = blocks * k.panel_width;
  threads = useful_threads(a, threads, (g.x ? 1 : 0) + (g.weight ? 1 : 0));
  Workspace space;
  const float* const* d = rows_of(space, dy, a.rows, a.outputs);
  const float* const* x = rows_of(space, a.x, a.rows, a.inputs);
  const float* const* weight = rows_of(space, a.weight, a.outputs, a.inputs);
  float* x_panels = g.weight && a.rows > kFewOuter ? space.get<float>(panel * a.rows) : nullptr;
  float* weight_panels = g.x && a.rows > kFewCombined ? space.get<float>(panel * a.outputs) : nullptr;

  Tasks tasks;
  const auto pack = [&](const PackColumns& columns) {
    tasks.add_pieces(blocks, kPackBlocks, [&k, columns](auto begin, auto end) { k.pack_columns(columns, begin, end); });
  };
  if (x_panels) pack({x, a.rows, a.inputs, x_panels});
  if (weight_panels) pack({weight, a.outputs, a.inputs, weight_panels});
  tasks.run(threads);

  if (g.x) {
    float* const* dx = rows_of(space, g.x, a.rows, a.inputs);
    for (std::int64_t block = 0; block < blocks; block += kChunkBlocks) {
      const std::int64_t last = std::min(blocks, block + kChunkBlocks);
      tasks.add_pieces(a.rows, kChunkRows, [=, &k](std::int64_t begin, std::int64_t end) {
        const Combine combine{d + begin, dx + begin, weight, weight_panels, a.outputs, a.inputs, false};
        k.combine(combine, end - begin, block, last);
      });
    }
  }
  if (g.weight) {
    float* const* dweight = rows_of(space, g.weight, a.outputs, a.inputs);
    float* work = space.get<float>(threads * kOuterRows * kOuterDepth);
    const std::int64_t rows = std::clamp<std::int64_t>(pieces_of(a.outputs, 2 * threads), 12, kOuterRows);
    for (std::int64_t row = 0; row < a.outputs; row += rows) {
      tasks.add([=, &k](int worker) {
        const Outer outer{d, dweight, x, x_panels, a.rows, a.inputs, work + worker * kOuterRows * kOuterDepth};
        k.outer(outer, row, std::min(a.outputs, row + rows));
      });
    }
  }
  if (g.bias) {
    tasks.add_pieces(a.outputs, kSumColumns, [=, &k](std::int64_t begin, std::int64_t end) {
      k.column_sums({d, a.rows, g.bias + begin}, begin, end);
    });
  }
  tasks.run(threads);
}

}  // namespace lexigrad
