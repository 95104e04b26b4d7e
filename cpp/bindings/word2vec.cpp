// Training of word2vec: check, release the GIL, train, return.
#include "bindings/training.h"
#include "core/dispatch.h"

namespace lexigrad {
namespace {

py::dict word2vec_train(const py::array& tokens, std::int64_t begin, std::int64_t end, std::int64_t block, int threads,
                        double alpha, double alpha_step, double min_alpha, std::uint64_t key, std::int64_t vector_size,
                        py::array input, std::optional<py::array> rows, std::optional<py::array> nodes,
                        const std::optional<py::array>& lock, const std::optional<py::array>& keep,
                        const std::optional<py::array>& alias, const std::optional<py::tuple>& tree, int negative,
                        bool softmax, std::int64_t window, bool shrink_windows, bool skip_gram, bool mean,
                        bool compute_loss) {
  Word2Vec a{};
  const auto [vocabulary, stride] = shape<2>(input, "input");
  a.corpus = corpus_of(tokens, vocabulary, keep, key, window, shrink_windows, block);
  const Schedule schedule{begin, end, block, threads, alpha, alpha_step, min_alpha};
  check_schedule(schedule, a.corpus.size);
  check_padding(vector_size, stride);
  a.input = model_matrix(input, "input", vocabulary, stride);
  a.stride = stride;
  a.padded_size = padded_size(vector_size);
  a.outputs = outputs_of(vocabulary, stride, rows, nodes, negative, alias, tree, softmax);
  if (lock) a.lock = in<float, 1>(*lock, "lock", {vocabulary});
  a.skip_gram = skip_gram;
  a.mean = mean;
  a.compute_loss = compute_loss;
  a.several_workers = schedule.workers() > 1;
  return train_blocks(
      schedule, [&] { return kernels().word2vec_workspace(a); },
      [&](std::int64_t first, std::int64_t last, float rate, void* workspace, TrainingTotals& totals) {
        kernels().word2vec(a, first, last, rate, workspace, totals);
      });
}

}  // namespace

void bind_word2vec(py::module_& m) {
  m.def("word2vec_train", &word2vec_train, py::arg("tokens"), py::kw_only(), py::arg("begin"), py::arg("end"),
        py::arg("block"), py::arg("threads"), py::arg("alpha"), py::arg("alpha_step"), py::arg("min_alpha"),
        py::arg("key"), py::arg("vector_size"), py::arg("input"), py::arg("rows").none(true),
        py::arg("nodes").none(true), py::arg("lock").none(true), py::arg("keep").none(true),
        py::arg("alias").none(true), py::arg("tree").none(true), py::arg("negative"), py::arg("softmax"),
        py::arg("window"), py::arg("shrink_windows"), py::arg("skip_gram"), py::arg("mean"), py::arg("compute_loss"));
}

}  // namespace lexigrad
