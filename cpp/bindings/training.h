// What the bindings of all trainers on a stream of words share.
#pragma once

#include <pybind11/stl.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "bindings/arrays.h"
#include "kernels/kernels.h"

namespace lexigrad {

// A matrix of a model: rows 64-byte aligned, `stride` floats apart, of which `stride` may be read.
float* model_matrix(py::array& a, const char* name, std::int64_t count, std::int64_t stride);

// The stride of a model's matrices, checked: rows of `size` floats, padded to 16.
void check_padding(std::int64_t size, std::int64_t stride);

// `size` rounded up to whole registers of this CPU.
std::int64_t padded_size(std::int64_t size);

Corpus corpus_of(const py::array& tokens, std::int64_t vocabulary, const std::optional<py::array>& keep,
                 std::uint64_t key, std::int64_t window, bool shrink_windows, std::int64_t block);

// `tree` is what huffman() gives: (offsets, nodes, labels).
Outputs outputs_of(std::int64_t vocabulary, std::int64_t stride, std::optional<py::array>& rows,
                   std::optional<py::array>& nodes, int negative, const std::optional<py::array>& alias,
                   const std::optional<py::tuple>& tree, bool softmax);

// Memory for the threads of one call: zeroed, 64-byte aligned, made when a thread first asks for its own.
class Workspaces {
 public:
  Workspaces(std::size_t bytes, std::int64_t workers);
  void* of(int worker);

 private:
  struct Delete {
    void operator()(void* p) const;
  };
  std::size_t bytes_;
  std::vector<std::unique_ptr<void, Delete>> workspaces_;
};

// What one call trains: the tokens [begin, end) of a corpus, in blocks, at a rate that falls with the position.
struct Schedule {
  std::int64_t begin, end, block;
  int threads;
  double alpha, alpha_step, min_alpha;

  std::int64_t tasks() const { return (end - begin + block - 1) / block; }
  std::int64_t workers() const;
};
void check_schedule(const Schedule& s, std::int64_t size);

// One block: tokens [begin, end) at a rate, with memory that is the thread's own.
using TrainBlock =
    std::function<void(std::int64_t begin, std::int64_t end, float rate, void* workspace, TrainingTotals& totals)>;

// Trains all blocks on the pool, without the GIL; gives {loss, predictions, kept, diverged}.
py::dict train_blocks(const Schedule& s, const std::function<std::size_t()>& workspace_bytes, const TrainBlock& train);

}  // namespace lexigrad
