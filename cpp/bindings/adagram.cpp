// Training of AdaGram: check, release the GIL, train, return.
#include "bindings/training.h"
#include "core/dispatch.h"

namespace lexigrad {
namespace {

py::dict adagram_train(const py::array& tokens, std::int64_t begin, std::int64_t end, std::int64_t block, int threads,
                       double alpha, double alpha_step, double min_alpha, std::uint64_t key, std::int64_t vector_size,
                       py::array input, std::optional<py::array> nodes, py::array occurrences, const py::array& counts,
                       const std::optional<py::array>& keep, const std::optional<py::tuple>& tree, std::int64_t window,
                       bool shrink_windows, float concentration, float discount, float sense_threshold,
                       bool compute_loss) {
  AdaGram a{};
  const auto [rows, stride] = shape<2>(input, "input");
  const auto [vocabulary, prototypes] = shape<2>(occurrences, "occurrences");
  if (prototypes < 1 || prototypes > 1 << 20) throw std::invalid_argument("prototypes must be from 1 to 2^20");
  if (!(concentration > 0)) throw std::invalid_argument("concentration must be above 0");
  if (!(discount >= 0 && discount < 1)) throw std::invalid_argument("discount must be at least 0 and below 1");
  a.corpus = corpus_of(tokens, vocabulary, keep, key, window, shrink_windows, block);
  const Schedule schedule{begin, end, block, threads, alpha, alpha_step, min_alpha};
  check_schedule(schedule, a.corpus.size);
  check_padding(vector_size, stride);
  a.input = model_matrix(input, "input", vocabulary * prototypes, stride);
  a.stride = stride;
  a.padded_size = padded_size(vector_size);
  a.occurrences = inout<float, 2>(occurrences, "occurrences", {vocabulary, prototypes});
  a.counts = in<std::int64_t, 1>(counts, "counts", {vocabulary});
  a.prototypes = static_cast<int>(prototypes);
  a.alpha = concentration;
  a.d = discount;
  a.sense_threshold = sense_threshold;
  std::optional<py::array> no_rows;
  a.outputs = outputs_of(vocabulary, stride, no_rows, nodes, 0, std::nullopt, tree, false);
  a.compute_loss = compute_loss;
  a.several_workers = schedule.workers() > 1;
  return train_blocks(
      schedule, [&] { return kernels().adagram_workspace(a); },
      [&](std::int64_t first, std::int64_t last, float rate, void* workspace, TrainingTotals& totals) {
        kernels().adagram(a, first, last, rate, workspace, totals);
      });
}

}  // namespace

void bind_adagram(py::module_& m) {
  m.def("adagram_train", &adagram_train, py::arg("tokens"), py::kw_only(), py::arg("begin"), py::arg("end"),
        py::arg("block"), py::arg("threads"), py::arg("alpha"), py::arg("alpha_step"), py::arg("min_alpha"),
        py::arg("key"), py::arg("vector_size"), py::arg("input"), py::arg("nodes").none(false), py::arg("occurrences"),
        py::arg("counts"), py::arg("keep").none(true), py::arg("tree").none(false), py::arg("window"),
        py::arg("shrink_windows"), py::arg("concentration"), py::arg("discount"), py::arg("sense_threshold"),
        py::arg("compute_loss"));
}

}  // namespace lexigrad
