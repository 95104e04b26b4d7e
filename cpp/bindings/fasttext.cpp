// Training of fastText's models: check, release the GIL, train, return.
#include <algorithm>

#include "bindings/training.h"
#include "core/dispatch.h"

namespace lexigrad {
namespace {

// Each word's n-grams, checked: rows of `buckets`. Returns the most that a word has.
template <typename Model>
std::int64_t take_ngrams(Model& a, std::int64_t vocabulary, std::int64_t buckets, const py::array& offsets,
                         const py::array& ngrams) {
  std::int64_t most = 0;
  const auto [count] = shape<1>(ngrams, "ngrams");
  a.offsets = in<std::int64_t, 1>(offsets, "offsets", {vocabulary + 1});
  a.ngrams = in<std::int32_t, 1>(ngrams, "ngrams", {count});
  if (a.offsets[0] != 0 || a.offsets[vocabulary] != count) {
    throw std::invalid_argument("offsets must run from 0 to the number of n-grams");
  }
  for (std::int64_t w = 0; w < vocabulary; ++w) {
    const std::int64_t own = a.offsets[w + 1] - a.offsets[w];
    if (own < 0 || own > count) throw std::invalid_argument("offsets must rise");
    most = std::max(most, own);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    if (a.ngrams[i] < 0 || a.ngrams[i] >= buckets) throw std::invalid_argument("ngrams must be rows of buckets");
  }
  return most;
}

py::dict fasttext_train(const py::array& tokens, std::int64_t begin, std::int64_t end, std::int64_t block, int threads,
                        double alpha, double alpha_step, double min_alpha, std::uint64_t key, std::int64_t vector_size,
                        py::array input, py::array buckets, const py::array& offsets, const py::array& ngrams,
                        std::optional<py::array> rows, std::optional<py::array> nodes,
                        const std::optional<py::array>& keep, const std::optional<py::array>& alias,
                        const std::optional<py::tuple>& tree, int negative, bool softmax, std::int64_t window,
                        bool shrink_windows, bool skip_gram, bool mean, bool compute_loss) {
  FastText a{};
  const auto [vocabulary, stride] = shape<2>(input, "input");
  const std::int64_t bucket_count = shape<2>(buckets, "buckets")[0];
  a.words.corpus = corpus_of(tokens, vocabulary, keep, key, window, shrink_windows, block);
  const Schedule schedule{begin, end, block, threads, alpha, alpha_step, min_alpha};
  check_schedule(schedule, a.words.corpus.size);
  check_padding(vector_size, stride);
  a.words.input = model_matrix(input, "input", vocabulary, stride);
  a.buckets = model_matrix(buckets, "buckets", bucket_count, stride);
  a.most_ngrams = take_ngrams(a, vocabulary, bucket_count, offsets, ngrams);
  a.words.stride = stride;
  a.words.padded_size = padded_size(vector_size);
  a.words.outputs = outputs_of(vocabulary, stride, rows, nodes, negative, alias, tree, softmax);
  a.words.skip_gram = skip_gram;
  a.words.mean = mean;
  a.words.compute_loss = compute_loss;
  a.words.several_workers = schedule.workers() > 1;
  return train_blocks(
      schedule, [&] { return kernels().fasttext_workspace(a); },
      [&](std::int64_t first, std::int64_t last, float rate, void* workspace, TrainingTotals& totals) {
        kernels().fasttext(a, first, last, rate, workspace, totals);
      });
}

py::dict fasttext_classifier_train(const py::array& tokens, std::int64_t begin, std::int64_t end, std::int64_t block,
                                   int threads, double alpha, double alpha_step, double min_alpha, std::uint64_t key,
                                   std::int64_t vector_size, py::array input, py::array buckets,
                                   const py::array& offsets, const py::array& ngrams, const py::array& hashes,
                                   int word_ngrams, std::int32_t end_word, std::int32_t end_hash,
                                   std::int64_t label_count, std::optional<py::array> rows,
                                   std::optional<py::array> nodes, const std::optional<py::array>& alias,
                                   const std::optional<py::tuple>& tree, int negative, bool softmax, bool one_vs_all,
                                   bool compute_loss) {
  FastTextClassifier a{};
  const auto [size] = shape<1>(tokens, "tokens");
  const auto [words, stride] = shape<2>(input, "input");
  const Schedule schedule{begin, end, block, threads, alpha, alpha_step, min_alpha};
  check_schedule(schedule, size);
  check_padding(vector_size, stride);
  a.tokens = in<std::int32_t, 1>(tokens, "tokens", {size});
  a.size = size;
  if (label_count < 1 || words + label_count > INT32_MAX) throw std::invalid_argument("there must be a label");
  a.words = static_cast<std::int32_t>(words);
  a.input = model_matrix(input, "input", words, stride);
  a.bucket_count = shape<2>(buckets, "buckets")[0];
  a.buckets = model_matrix(buckets, "buckets", a.bucket_count, stride);
  a.stride = stride;
  a.padded_size = padded_size(vector_size);
  take_ngrams(a, words, a.bucket_count, offsets, ngrams);
  a.word_ngrams = word_ngrams;
  if (word_ngrams > 1 && a.bucket_count == 0) throw std::invalid_argument("word n-grams need buckets");
  a.hashes = in<std::int32_t, 1>(hashes, "hashes", {words});
  if (end_word < -1 || end_word >= words) throw std::invalid_argument("end_word must be a word, or -1");
  a.end_word = end_word;
  a.end_hash = end_hash;
  a.key = key;
  a.outputs = outputs_of(label_count, stride, rows, nodes, negative, alias, tree, softmax || one_vs_all);
  a.outputs.softmax = softmax;
  a.outputs.one_vs_all = one_vs_all;
  if ((negative > 0) + tree.has_value() + softmax + one_vs_all != 1) {
    throw std::invalid_argument("a classifier has one loss");
  }
  a.compute_loss = compute_loss;
  a.several_workers = schedule.workers() > 1;
  return train_blocks(
      schedule, [&] { return kernels().fasttext_classifier_workspace(a); },
      [&](std::int64_t first, std::int64_t last, float rate, void* workspace, TrainingTotals& totals) {
        kernels().fasttext_classifier(a, first, last, rate, workspace, totals);
      });
}

}  // namespace

void bind_fasttext(py::module_& m) {
  m.def("fasttext_train", &fasttext_train, py::arg("tokens"), py::kw_only(), py::arg("begin"), py::arg("end"),
        py::arg("block"), py::arg("threads"), py::arg("alpha"), py::arg("alpha_step"), py::arg("min_alpha"),
        py::arg("key"), py::arg("vector_size"), py::arg("input"), py::arg("buckets"), py::arg("offsets"),
        py::arg("ngrams"), py::arg("rows").none(true), py::arg("nodes").none(true), py::arg("keep").none(true),
        py::arg("alias").none(true), py::arg("tree").none(true), py::arg("negative"), py::arg("softmax"),
        py::arg("window"), py::arg("shrink_windows"), py::arg("skip_gram"), py::arg("mean"), py::arg("compute_loss"));
  m.def("fasttext_classifier_train", &fasttext_classifier_train, py::arg("tokens"), py::kw_only(), py::arg("begin"),
        py::arg("end"), py::arg("block"), py::arg("threads"), py::arg("alpha"), py::arg("alpha_step"),
        py::arg("min_alpha"), py::arg("key"), py::arg("vector_size"), py::arg("input"), py::arg("buckets"),
        py::arg("offsets"), py::arg("ngrams"), py::arg("hashes"), py::arg("word_ngrams"), py::arg("end_word"),
        py::arg("end_hash"), py::arg("label_count"), py::arg("rows").none(true), py::arg("nodes").none(true),
        py::arg("alias").none(true), py::arg("tree").none(true), py::arg("negative"), py::arg("softmax"),
        py::arg("one_vs_all"), py::arg("compute_loss"));
}

}  // namespace lexigrad
