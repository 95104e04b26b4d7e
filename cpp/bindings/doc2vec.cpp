// Training of paragraph vectors, and inference of new ones: check, release the GIL, train, return.
#include <algorithm>
#include <atomic>
#include <vector>

#include "bindings/training.h"
#include "core/dispatch.h"
#include "core/parallel.h"

namespace lexigrad {
namespace {

// A model's arrays and settings, checked once for many calls.
class Doc2VecTrainer {
 public:
  Doc2VecTrainer(std::int64_t vector_size, py::array input, std::optional<py::array> rows,
                 std::optional<py::array> nodes, std::optional<py::array> lock, std::optional<py::array> keep,
                 std::optional<py::array> alias, std::optional<py::tuple> tree, int negative, py::array documents,
                 std::optional<py::array> document_lock, std::int64_t window, bool shrink_windows, bool dbow, bool mean,
                 bool train_words, std::optional<py::array> padding, std::int64_t tag_count)
      : input_(std::move(input)),
        rows_(std::move(rows)),
        nodes_(std::move(nodes)),
        lock_(std::move(lock)),
        keep_(std::move(keep)),
        alias_(std::move(alias)),
        tree_(std::move(tree)),
        documents_(std::move(documents)),
        document_lock_(std::move(document_lock)),
        padding_(std::move(padding)),
        window_(window),
        shrink_windows_(shrink_windows) {
    const auto [vocabulary, stride] = shape<2>(input_, "input");
    tags_ = shape<2>(documents_, "documents")[0];
    vocabulary_ = vocabulary;
    check_padding(vector_size, stride);
    Word2Vec& words = model_.words;
    std::int64_t output_stride = stride;
    if (padding_) {
      if (dbow) throw std::invalid_argument("only PV-DM has vectors side by side");
      if (tag_count < 0 || window < 1 || window > INT32_MAX || tag_count > INT32_MAX) {
        throw std::invalid_argument("tag_count must be at least 0 and window at least 1");
      }
      const std::int64_t size = (tag_count + 2 * window) * vector_size;
      output_stride = (size + 15) / 16 * 16;
      model_.concatenate = true;
      model_.most_tags = tag_count;
      model_.padding = model_matrix(*padding_, "padding", 1, stride);
      model_.size = vector_size;
      model_.places_size = padded_size(size);
    }
    words.outputs = outputs_of(vocabulary, output_stride, rows_, nodes_, negative, alias_, tree_, false);
    words.input = dbow && !train_words ? nullptr : model_matrix(input_, "input", vocabulary, stride);
    words.stride = stride;
    words.padded_size = padded_size(vector_size);
    if (lock_) words.lock = in<float, 1>(*lock_, "lock", {vocabulary});
    words.skip_gram = dbow;
    words.mean = mean;
    model_.rows = model_matrix(documents_, "documents", tags_, stride);
    if (document_lock_) model_.lock = in<float, 1>(*document_lock_, "document_lock", {tags_});
    model_.train_words = train_words;
  }

  // `ends` are the positions of the -1 among the tokens, one for each document, which has the tags
  // tags[tag_offsets[d]:tag_offsets[d + 1]], or its own row d.
  py::dict train(const py::array& tokens, std::int64_t begin, std::int64_t end, std::int64_t block, int threads,
                 double alpha, double alpha_step, double min_alpha, std::uint64_t key, const py::array& ends,
                 const std::optional<py::array>& tag_offsets, const std::optional<py::array>& tags,
                 bool compute_loss) const {
    Doc2Vec a = model_;
    const Schedule schedule{begin, end, block, threads, alpha, alpha_step, min_alpha};
    a.words.corpus = corpus_of(tokens, vocabulary_, keep_, key, window_, shrink_windows_, block);
    check_schedule(schedule, a.words.corpus.size);
    a.words.compute_loss = compute_loss;
    a.words.several_workers = schedule.workers() > 1;
    take_documents(a, schedule, ends);
    take_tags(a, tag_offsets, tags);
    return train_blocks(
        schedule, [&] { return kernels().doc2vec_workspace(a); },
        [&](std::int64_t first, std::int64_t last, float rate, void* workspace, TrainingTotals& totals) {
          kernels().doc2vec(a, first, last, rate, workspace, totals);
        });
  }

  // Vectors of new documents, document d of the tokens [offsets[d], offsets[d + 1]), from those that stand in
  // `vectors`; all else stays as it is. Returns whether a number was not finite.
  bool infer(const py::array& tokens, const py::array& offsets, py::array vectors, int threads, std::int64_t epochs,
             double alpha, double min_alpha, const std::vector<std::uint64_t>& keys) const {
    const auto [size] = shape<1>(tokens, "tokens");
    const auto sizes = shape<2>(vectors, "vectors");
    const std::int64_t documents = sizes[0], stride = sizes[1];  // lambdas of Clang 14 take no structured bindings
    float* rows = model_matrix(vectors, "vectors", documents, model_.words.stride);
    const std::int64_t* from = in<std::int64_t, 1>(offsets, "offsets", {documents + 1});
    const std::int32_t* ids = in<std::int32_t, 1>(tokens, "tokens", {size});
    check_rising(from, documents, size, "offsets");
    for (std::int64_t i = 0; i < size; ++i) {
      if (ids[i] < 0 || ids[i] >= vocabulary_) throw std::invalid_argument("tokens must be words of the vocabulary");
    }
    if (epochs < 1 || static_cast<std::int64_t>(keys.size()) != epochs) {
      throw std::invalid_argument("epochs must be at least 1, with a key for each");
    }
    Doc2Vec a = model_;
    a.words.corpus = corpus_of(tokens, vocabulary_, keep_, 0, window_, shrink_windows_, 1);
    for (std::int64_t d = 0; d < documents; ++d) {
      a.words.corpus.longest_block = std::max(a.words.corpus.longest_block, from[d + 1] - from[d]);
    }
    a.words.outputs.frozen = true;
    if (!model_.concatenate) a.most_tags = 1;
    a.train_words = false;
    if (a.words.skip_gram) a.words.input = nullptr;
    a.words.lock = a.lock = nullptr;
    a.documents = 1;

    py::gil_scoped_release nogil;
    Workspaces workspaces(kernels().doc2vec_workspace(a), std::max(1, threads));
    std::atomic<bool> diverged{false};
    parallel_for(documents, threads, [&](std::int64_t d, int worker) {
      Doc2Vec one = a;
      const std::int64_t end = from[d + 1] - from[d];
      one.words.corpus.tokens = ids + from[d];
      one.words.corpus.size = end;
      one.rows = rows + d * stride;
      one.ends = &end;
      TrainingTotals totals;
      for (std::int64_t epoch = 0; epoch < epochs && end > 0; ++epoch) {
        const double passed = static_cast<double>(epoch) / static_cast<double>(std::max<std::int64_t>(1, epochs - 1));
        one.words.corpus.key = keys[static_cast<std::size_t>(epoch)];
        kernels().doc2vec(one, 0, end, static_cast<float>(alpha - (alpha - min_alpha) * passed), workspaces.of(worker),
                          totals);
      }
      if (totals.diverged) diverged = true;
    });
    return diverged;
  }

 private:
  static void check_rising(const std::int64_t* offsets, std::int64_t count, std::int64_t size, const char* name) {
    bool rising = offsets[0] == 0 && offsets[count] == size;
    for (std::int64_t i = 0; i < count; ++i) rising &= offsets[i] <= offsets[i + 1];
    if (!rising) throw std::invalid_argument(std::string(name) + " must rise from 0 to " + std::to_string(size));
  }

  static void take_documents(Doc2Vec& a, const Schedule& s, const py::array& ends) {
    const auto [documents] = shape<1>(ends, "ends");
    const Corpus& c = a.words.corpus;
    a.documents = documents;
    a.ends = in<std::int64_t, 1>(ends, "ends", {documents});
    bool fit = documents > 0 ? a.ends[documents - 1] == c.size - 1 : c.size == 0;
    std::int64_t within = 0;
    for (std::int64_t d = 0; d < documents && fit; ++d) {
      fit = (d == 0 ? a.ends[d] >= 0 : a.ends[d] > a.ends[d - 1]) && a.ends[d] < c.size && c.tokens[a.ends[d]] < 0;
      within += a.ends[d] >= s.begin && a.ends[d] < s.end;
    }
    for (std::int64_t i = s.begin; i < s.end && fit; ++i) within -= c.tokens[i] < 0;
    if (!fit || within != 0) throw std::invalid_argument("ends must be the positions of all ends among the tokens");
  }

  void take_tags(Doc2Vec& a, const std::optional<py::array>& tag_offsets, const std::optional<py::array>& tags) const {
    if (!tag_offsets || !tags) {
      if (a.documents > tags_) throw std::invalid_argument("every document needs a row, or tags");
      if (!a.concatenate) a.most_tags = 1;
      if (a.most_tags != 1) throw std::invalid_argument("documents have one tag each: tag_count must be 1");
      return;
    }
    const auto [count] = shape<1>(*tags, "tags");
    a.tag_offsets = in<std::int64_t, 1>(*tag_offsets, "tag_offsets", {a.documents + 1});
    a.tags = in<std::int32_t, 1>(*tags, "tags", {count});
    check_rising(a.tag_offsets, a.documents, count, "tag_offsets");
    for (std::int64_t d = 0; d < a.documents; ++d) {
      const std::int64_t own = a.tag_offsets[d + 1] - a.tag_offsets[d];
      if (a.concatenate && own != a.most_tags) throw std::invalid_argument("documents must have tag_count tags");
      a.most_tags = std::max(a.most_tags, own);
    }
    if (a.most_tags > INT32_MAX / 2) throw std::invalid_argument("a document has too many tags");
    for (std::int64_t i = 0; i < count; ++i) {
      if (a.tags[i] < 0 || a.tags[i] >= tags_) throw std::invalid_argument("tags must be rows of the documents");
    }
  }

  py::array input_;
  std::optional<py::array> rows_, nodes_, lock_, keep_, alias_;
  std::optional<py::tuple> tree_;
  py::array documents_;
  std::optional<py::array> document_lock_, padding_;
  std::int64_t window_, vocabulary_ = 0, tags_ = 0;
  bool shrink_windows_;
  Doc2Vec model_{};
};

}  // namespace

void bind_doc2vec(py::module_& m) {
  py::class_<Doc2VecTrainer>(m, "Doc2VecTrainer")
      .def(py::init<std::int64_t, py::array, std::optional<py::array>, std::optional<py::array>,
                    std::optional<py::array>, std::optional<py::array>, std::optional<py::array>,
                    std::optional<py::tuple>, int, py::array, std::optional<py::array>, std::int64_t, bool, bool, bool,
                    bool, std::optional<py::array>, std::int64_t>(),
           py::kw_only(), py::arg("vector_size"), py::arg("input"), py::arg("rows").none(true),
           py::arg("nodes").none(true), py::arg("lock").none(true), py::arg("keep").none(true),
           py::arg("alias").none(true), py::arg("tree").none(true), py::arg("negative"), py::arg("documents"),
           py::arg("document_lock").none(true), py::arg("window"), py::arg("shrink_windows"), py::arg("dbow"),
           py::arg("mean"), py::arg("train_words"), py::arg("padding").none(true), py::arg("tag_count"))
      .def("train", &Doc2VecTrainer::train, py::arg("tokens"), py::kw_only(), py::arg("begin"), py::arg("end"),
           py::arg("block"), py::arg("threads"), py::arg("alpha"), py::arg("alpha_step"), py::arg("min_alpha"),
           py::arg("key"), py::arg("ends"), py::arg("tag_offsets").none(true), py::arg("tags").none(true),
           py::arg("compute_loss"))
      .def("infer", &Doc2VecTrainer::infer, py::arg("tokens"), py::kw_only(), py::arg("offsets"), py::arg("vectors"),
           py::arg("threads"), py::arg("epochs"), py::arg("alpha"), py::arg("min_alpha"), py::arg("keys"));
}

}  // namespace lexigrad
