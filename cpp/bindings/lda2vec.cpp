// Training of lda2vec: check, release the GIL, train, return.
#include <algorithm>
#include <functional>

#include "bindings/training.h"
#include "core/dispatch.h"

namespace lexigrad {
namespace {

// Kernels find a position's document by the ends, and count on from there: these must be where the tokens say.
void check_ends(const Corpus& c, const std::int64_t* ends, std::int64_t documents, std::int64_t begin,
                std::int64_t end) {
  const std::int64_t* last = ends + documents;
  const bool rising = std::adjacent_find(ends, last, std::greater_equal<>()) == last;
  const std::int64_t* next = std::lower_bound(ends, last, begin);
  bool right = rising && (documents == 0 || ends[0] >= 0) && (begin == end || next < last);
  for (std::int64_t p = begin; p < end && right; ++p) {
    if (c.tokens[p] < 0) {
      right = next < last && *next == p;
      ++next;
    } else {
      right = next < last && *next > p;
    }
  }
  if (!right) throw std::invalid_argument("ends must be the places where the tokens end a document, all of them");
}

py::dict lda2vec_train(const py::array& tokens, std::int64_t begin, std::int64_t end, std::int64_t block, int threads,
                       double alpha, double alpha_step, double min_alpha, std::uint64_t key, std::int64_t vector_size,
                       py::array input, std::optional<py::array> rows, py::array topic_vectors, py::array weights,
                       const py::array& ends, const std::optional<py::array>& keep, const py::array& alias,
                       int negative, std::int64_t window, bool shrink_windows, bool train_topics, float prior,
                       float strength, float document_rate, bool compute_loss) {
  Lda2Vec a{};
  const auto [vocabulary, stride] = shape<2>(input, "input");
  const auto [documents, topics] = shape<2>(weights, "weights");
  if (topics < 1 || topics > 1 << 20) throw std::invalid_argument("topics must be from 1 to 2^20");
  if (negative < 1) throw std::invalid_argument("negative must be at least 1, not " + std::to_string(negative));
  a.corpus = corpus_of(tokens, vocabulary, keep, key, window, shrink_windows, block);
  const Schedule schedule{begin, end, block, threads, alpha, alpha_step, min_alpha};
  check_schedule(schedule, a.corpus.size);
  check_padding(vector_size, stride);
  a.input = model_matrix(input, "input", vocabulary, stride);
  a.topic_vectors = model_matrix(topic_vectors, "topic_vectors", topics, stride);
  a.weights = inout<float, 2>(weights, "weights", {documents, topics});
  a.ends = in<std::int64_t, 1>(ends, "ends", {documents});
  check_ends(a.corpus, a.ends, documents, begin, end);
  a.documents = documents;
  a.topics = static_cast<int>(topics);
  a.stride = stride;
  a.padded_size = padded_size(vector_size);
  std::optional<py::array> no_nodes;
  a.outputs = outputs_of(vocabulary, stride, rows, no_nodes, negative, alias, std::nullopt, false);
  a.train_topics = train_topics;
  a.prior = prior;
  a.strength = strength;
  a.document_rate = document_rate;
  a.compute_loss = compute_loss;
  return train_blocks(
      schedule, [&] { return kernels().lda2vec_workspace(a); },
      [&](std::int64_t first, std::int64_t last, float rate, void* workspace, TrainingTotals& totals) {
        kernels().lda2vec(a, first, last, rate, workspace, totals);
      });
}

}  // namespace

void bind_lda2vec(py::module_& m) {
  m.def("lda2vec_train", &lda2vec_train, py::arg("tokens"), py::kw_only(), py::arg("begin"), py::arg("end"),
        py::arg("block"), py::arg("threads"), py::arg("alpha"), py::arg("alpha_step"), py::arg("min_alpha"),
        py::arg("key"), py::arg("vector_size"), py::arg("input"), py::arg("rows").none(false), py::arg("topic_vectors"),
        py::arg("weights"), py::arg("ends"), py::arg("keep").none(true), py::arg("alias"), py::arg("negative"),
        py::arg("window"), py::arg("shrink_windows"), py::arg("train_topics"), py::arg("prior"), py::arg("strength"),
        py::arg("document_rate"), py::arg("compute_loss"));
}

}  // namespace lexigrad
