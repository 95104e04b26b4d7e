// Phrases.
#include "core/phrases.h"

#include <pybind11/stl.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/arrays.h"

namespace lexigrad {
namespace {

// The tokens of a Python sequence as views of the UTF-8 that the strings hold; valid while this lives.
class Tokens {
 public:
  explicit Tokens(py::handle sentence) {
    if (PyUnicode_Check(sentence.ptr()) || PyBytes_Check(sentence.ptr())) {
      throw py::type_error("a sentence must be a list of tokens, not one string: split it into words first");
    }
    sequence_ = py::reinterpret_steal<py::object>(
        PySequence_Fast(sentence.ptr(), "a sentence must be a list of tokens (strings)"));
    if (!sequence_) throw py::error_already_set();
    const auto count = static_cast<std::size_t>(PySequence_Fast_GET_SIZE(sequence_.ptr()));
    words_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      PyObject* token = object(i);
      if (!PyUnicode_Check(token)) {
        throw py::type_error("every token must be a str, not " + std::string(Py_TYPE(token)->tp_name));
      }
      Py_ssize_t length;
      const char* bytes = PyUnicode_AsUTF8AndSize(token, &length);
      if (!bytes) throw py::error_already_set();
      words_.emplace_back(bytes, length);
    }
  }

  WordSpan words() const { return words_; }
  PyObject* object(std::size_t i) const { return PySequence_Fast_GET_ITEM(sequence_.ptr(), i); }

 private:
  py::object sequence_;
  std::vector<std::string_view> words_;
};

py::str text(std::string_view bytes) { return py::str(bytes.data(), bytes.size()); }

std::string_view bytes_of(const py::buffer_info& info) {
  return {static_cast<const char*>(info.ptr), static_cast<std::size_t>(info.size * info.itemsize)};
}

// The score that `scoring` names, or a Python callable with gensim's parameter names.
Score score_of(const py::object& scoring, std::int64_t vocabulary, const py::object& min_count,
               const py::object& corpus_words) {
  if (py::isinstance<py::str>(scoring)) {
    const Scoring kind = scoring.cast<std::string>() == "npmi" ? Scoring::kNpmi : Scoring::kDefault;
    return make_score(kind, vocabulary, min_count.cast<double>(), corpus_words.cast<std::int64_t>());
  }
  return [=](const Counts& c) {
    using namespace py::literals;
    py::gil_scoped_acquire gil;
    return scoring("worda_count"_a = c.first, "wordb_count"_a = c.last, "bigram_count"_a = c.phrase,
                   "len_vocab"_a = vocabulary, "min_count"_a = min_count, "corpus_word_count"_a = corpus_words)
        .cast<double>();
  };
}

// A finder together with what it looks into.
struct Finder {
  std::shared_ptr<const PhraseCounter> counter;
  std::shared_ptr<const PhraseShape> shape;
  std::shared_ptr<const StringTable<double>> phrases;
  PhraseFinder finder;
};

Finder live_finder(std::shared_ptr<const PhraseCounter> counter, const py::object& scoring, const py::object& min_count,
                   const py::object& corpus_words, double threshold) {
  PhraseFinder finder(*counter, score_of(scoring, counter->counts.size(), min_count, corpus_words), threshold);
  return {std::move(counter), nullptr, nullptr, std::move(finder)};
}

Finder frozen_finder(std::string delimiter, const std::vector<std::string>& connector_words,
                     const py::dict& phrasegrams, double threshold) {
  auto shape = std::make_shared<const PhraseShape>(std::move(delimiter), connector_words);
  auto phrases = std::make_shared<StringTable<double>>();
  for (const auto& [phrase, score] : phrasegrams) phrases->at(phrase.cast<std::string>()) = score.cast<double>();
  PhraseFinder finder(*shape, *phrases, threshold);
  return {nullptr, std::move(shape), std::move(phrases), std::move(finder)};
}

// The token that a segment of the sentence becomes.
py::object token_of(const PhraseFinder& finder, const Tokens& tokens, const Segment& s, std::string& scratch) {
  if (s.end - s.begin == 1) return py::reinterpret_borrow<py::object>(tokens.object(s.begin));
  scratch.clear();
  finder.shape.join(tokens.words().subspan(s.begin, s.end - s.begin), scratch);
  return text(scratch);
}

py::list transform(Finder& self, const py::object& sentence) {
  const Tokens tokens(sentence);
  std::vector<Segment> segments;
  std::string scratch;
  self.finder.segment(tokens.words(), segments);
  py::list out(segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) out[i] = token_of(self.finder, tokens, segments[i], scratch);
  return out;
}

py::list analyze(Finder& self, const py::object& sentence) {
  const Tokens tokens(sentence);
  std::vector<Segment> segments;
  std::string scratch;
  self.finder.segment(tokens.words(), segments);
  py::list out(segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const double score = segments[i].score;
    out[i] = py::make_tuple(token_of(self.finder, tokens, segments[i], scratch),
                            std::isnan(score) ? py::object(py::none()) : py::float_(score));
  }
  return out;
}

py::object score_candidate(Finder& self, const py::object& words) {
  const Tokens tokens(words);
  if (tokens.words().empty()) throw std::invalid_argument("a candidate must have words");
  const double score = self.finder.score(tokens.words());
  return std::isnan(score) ? py::object(py::none()) : py::float_(score);
}

py::bytes rewrite(const Finder& self, const py::buffer& lines) {
  const auto info = lines.request();
  std::string out;
  {
    py::gil_scoped_release nogil;
    PhraseFinder own = self.finder;  // its scratch space is this call's alone
    out.reserve(bytes_of(info).size());
    own.rewrite(bytes_of(info), out);
  }
  return py::bytes(out);
}

py::dict export_phrases(const Finder& self) {
  py::dict out;
  self.finder.export_phrases([&](std::string_view phrase, double score) { out[text(phrase)] = score; });
  return out;
}

py::tuple items(const PhraseCounter& self, std::uint64_t place, std::int64_t limit) {
  py::list out;
  for (; place < self.counts.end() && limit > 0; --limit) {
    const auto r = self.counts.record(place);
    out.append(py::make_tuple(text(r.key), r.value));
    place = r.next;
  }
  return py::make_tuple(std::move(out), place);
}

}  // namespace

void bind_phrases(py::module_& m) {
  py::class_<PhraseCounter, std::shared_ptr<PhraseCounter>>(m, "PhraseCounter")
      .def(py::init<std::string, std::vector<std::string>, std::int64_t>(), py::arg("delimiter"),
           py::arg("connector_words"), py::arg("max_entries"))
      .def(
          "add_sentence",
          [](PhraseCounter& self, const py::object& sentence) { self.add_sentence(Tokens(sentence).words()); },
          py::arg("sentence"))
      .def(
          "add_text",
          [](PhraseCounter& self, const py::buffer& lines, int threads) {
            const auto info = lines.request();
            py::gil_scoped_release nogil;
            self.add_text(bytes_of(info), threads);
          },
          py::arg("lines"), py::arg("threads"))
      .def(
          "add_count",
          [](PhraseCounter& self, const std::string& key, std::int64_t count) { self.counts.at(key) += count; },
          py::arg("key"), py::arg("count"))
      .def("flush", &PhraseCounter::flush, py::call_guard<py::gil_scoped_release>())
      .def("merge", &PhraseCounter::merge, py::arg("other"), py::call_guard<py::gil_scoped_release>())
      .def(
          "get",
          [](const PhraseCounter& self, const std::string& key) -> std::optional<std::int64_t> {
            const std::int64_t* count = self.counts.find(key);
            return count ? std::optional(*count) : std::nullopt;
          },
          py::arg("key"))
      .def("items", &items, py::arg("place"), py::arg("limit"))
      .def("__len__", [](const PhraseCounter& self) { return self.counts.size(); })
      .def_readonly("words", &PhraseCounter::words)
      .def_readonly("sentences", &PhraseCounter::sentences)
      .def_readwrite("min_reduce", &PhraseCounter::min_reduce);
  py::class_<Finder>(m, "PhraseFinder")
      .def_static("live", &live_finder, py::arg("counter"), py::arg("scoring"), py::arg("min_count"),
                  py::arg("corpus_word_count"), py::arg("threshold"))
      .def_static("frozen", &frozen_finder, py::arg("delimiter"), py::arg("connector_words"), py::arg("phrasegrams"),
                  py::arg("threshold"))
      .def_property(
          "threshold", [](const Finder& self) { return self.finder.threshold; },
          [](Finder& self, double threshold) { self.finder.threshold = threshold; })
      .def("transform", &transform, py::arg("sentence"))
      .def("analyze", &analyze, py::arg("sentence"))
      .def("score", &score_candidate, py::arg("words"))
      .def("rewrite", &rewrite, py::arg("lines"))
      .def("export_phrases", &export_phrases);
}

}  // namespace lexigrad
