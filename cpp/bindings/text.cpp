// Corpora and vocabularies.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <chrono>
#include <optional>

#include "bindings/arrays.h"
#include "core/encoding.h"
#include "core/vocabulary.h"

namespace lexigrad {
namespace {

// A string as UTF-8, in `scratch` or in the string itself; nothing is cached there, unlike with PyUnicode_AsUTF8.
// Throws std::range_error for a lone surrogate.
std::string_view utf8(PyObject* text, std::string& scratch) {
#if PY_VERSION_HEX < 0x030C0000
  if (PyUnicode_READY(text) < 0) throw py::error_already_set();
#endif
  const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  const void* data = PyUnicode_DATA(text);
  if (PyUnicode_IS_ASCII(text)) return {static_cast<const char*>(data), static_cast<std::size_t>(length)};
  const auto kind = PyUnicode_KIND(text);
  scratch.clear();
  const auto push = [&](Py_UCS4 byte) { scratch.push_back(static_cast<char>(byte)); };
  for (Py_ssize_t i = 0; i < length; ++i) {
    const Py_UCS4 c = PyUnicode_READ(kind, data, i);
    if (c < 0x80) {
      push(c);
    } else if (c < 0x800) {
      push(0xC0 | c >> 6);
      push(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      if (c >= 0xD800 && c < 0xE000) throw std::range_error("a lone surrogate, which has no UTF-8 form");
      push(0xE0 | c >> 12);
      push(0x80 | (c >> 6 & 0x3F));
      push(0x80 | (c & 0x3F));
    } else {
      push(0xF0 | c >> 18);
      push(0x80 | (c >> 12 & 0x3F));
      push(0x80 | (c >> 6 & 0x3F));
      push(0x80 | (c & 0x3F));
    }
  }
  return scratch;
}

std::string type_name(PyObject* object) { return Py_TYPE(object)->tp_name; }

std::string representation(PyObject* object) {
  const std::string text = py::repr(object).cast<std::string>();
  return text.size() <= 80 ? text : text.substr(0, 60) + "...";
}

py::str decode(std::string_view word) {
  PyObject* text = PyUnicode_DecodeUTF8(word.data(), static_cast<Py_ssize_t>(word.size()), nullptr);
  if (!text) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

// Calls body(index, UTF-8) for each of some words.
template <typename Body>
void for_each_word(const py::list& words, Body body) {
  std::string scratch;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto word = words[i].template cast<py::object>();
    if (!PyUnicode_Check(word.ptr())) {
      throw py::type_error("word " + std::to_string(i) + " must be a str, not " + type_name(word.ptr()));
    }
    try {
      body(i, utf8(word.ptr(), scratch));
    } catch (const std::range_error& error) {
      throw std::invalid_argument("word " + std::to_string(i) + " holds " + error.what());
    }
  }
}

WordTable word_table(const py::list& words, const py::array& counts) {
  const std::int64_t* count = in<std::int64_t, 1>(counts, "counts", {static_cast<std::int64_t>(words.size())});
  WordTable table;
  for_each_word(words, [&](std::size_t i, std::string_view word) {
    table.add(word, count[i]);
    if (static_cast<std::size_t>(table.size()) != i + 1) {
      throw std::invalid_argument("word " + std::to_string(i) + " is there twice: " + representation(words[i].ptr()));
    }
  });
  return table;
}

py::array_t<std::int64_t> word_counts(const WordTable& table) {
  py::array_t<std::int64_t> counts(table.size());
  for (std::int32_t id = 0; id < table.size(); ++id) counts.mutable_data()[id] = table.count(id);
  return counts;
}

std::vector<std::int32_t> checked_ids(const WordTable& table, const py::array& ids) {
  const auto [n] = shape<1>(ids, "ids");
  const std::int32_t* data = in<std::int32_t, 1>(ids, "ids", {n});
  for (std::int64_t i = 0; i < n; ++i) {
    if (data[i] < 0 || data[i] >= table.size()) {
      throw std::invalid_argument("ids must be below " + std::to_string(table.size()) + ", not " +
                                  std::to_string(data[i]));
    }
  }
  return {data, data + n};
}

py::list words_of(const WordTable& table, const py::array& ids) {
  const auto wanted = checked_ids(table, ids);
  py::list words(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (i + kPrefetchAhead < wanted.size()) table.prefetch(wanted[i + kPrefetchAhead]);
    words[i] = decode(table.word(wanted[i]));
  }
  return words;
}

py::array_t<std::int32_t> array_of(const std::vector<std::int32_t>& values) {
  return py::array_t<std::int32_t>(static_cast<py::ssize_t>(values.size()), values.data());
}

py::array_t<std::int32_t> sort_words(const WordTable& table, const py::array& ids) {
  auto order = checked_ids(table, ids);
  {
    py::gil_scoped_release nogil;
    table.sort(order);
  }
  return array_of(order);
}

py::array_t<std::int32_t> find_words(const WordTable& table, const py::list& words) {
  py::array_t<std::int32_t> ids(static_cast<py::ssize_t>(words.size()));
  for_each_word(words, [&](std::size_t i, std::string_view word) { ids.mutable_data()[i] = table.find(word); });
  return ids;
}

using FaultTuple = std::optional<std::tuple<std::string, std::int64_t, std::int64_t, int>>;

// For Python, which knows the names of the files and raises.
FaultTuple described(const Fault& fault) {
  static constexpr const char* kNames[] = {"", "utf-8", "long", "shrank", "read", "spool"};
  if (!fault.kind) return {};
  return {{kNames[fault.kind], fault.piece, fault.offset, fault.error}};
}

using PieceTuple = std::tuple<int, std::int64_t, std::int64_t, std::int64_t>;
constexpr std::int64_t kLargestPiece = std::int64_t{1} << 30;  // places within one are 32 bits wide

FaultTuple scan_files(CorpusScanner& scanner, const std::vector<PieceTuple>& tuples) {
  std::vector<FilePiece> pieces;
  for (const auto& [file, begin, end, size] : tuples) {
    if (begin < 0 || begin >= end || end > size || end - begin > kLargestPiece) {
      throw std::invalid_argument("a piece must be a part of its file of at most 2^30 bytes");
    }
    pieces.push_back({file, begin, end, size});
  }
  py::gil_scoped_release nogil;
  return described(scanner.scan_files(pieces));
}

FaultTuple scan_bytes(CorpusScanner& scanner, const py::bytes& data, bool last, std::int64_t piece_size) {
  const std::string_view view = data;
  if (piece_size < 1 || piece_size > kLargestPiece || static_cast<std::int64_t>(view.size()) > kLargestPiece) {
    throw std::invalid_argument("the part of a text and its pieces must be of at most 2^30 bytes");
  }
  py::gil_scoped_release nogil;
  return described(scanner.scan_bytes(view.data(), view.size(), last, static_cast<std::size_t>(piece_size)));
}

void limit_table(CorpusScanner& scanner, std::int64_t limit,
                 const std::function<bool(py::str, std::int64_t, std::int64_t)>& keep) {
  scanner.limit_table(limit, [keep, least = std::int64_t{1}](WordTable& table) mutable {
    if (keep) {
      py::gil_scoped_acquire gil;
      table.retain([&](std::string_view word, std::int64_t count) { return keep(decode(word), count, least); });
    } else if (least > 1) {
      table.retain([&](std::string_view, std::int64_t count) { return count >= least; });
    }
    ++least;
  });
}

void start_finish(CorpusScanner& scanner, const py::array& final_ids, std::int64_t types) {
  const std::int32_t* ids = in<std::int32_t, 1>(final_ids, "final_ids", {types});
  scanner.start_finish({ids, ids + types});
}

std::pair<bool, FaultTuple> finish(CorpusScanner& scanner, std::int64_t pieces) {
  py::gil_scoped_release nogil;
  Fault fault;
  const bool more = scanner.finish(pieces, fault);
  return {more, described(fault)};
}

using TotalsTuple = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

TotalsTuple tuple_of(const Totals& totals) { return {totals.raw_words, totals.sentences, totals.words, totals.length}; }

// Walks over sentences of Python strings, copies their words and hands them to a scanner.
class SentenceReader {
 public:
  SentenceReader(CorpusScanner& scanner, const py::object& sentences, std::int64_t list_words)
      : scanner_(scanner),
        sentences_(py::reinterpret_steal<py::object>(PyObject_GetIter(sentences.ptr()))),
        list_words_(static_cast<std::size_t>(list_words)),
        lists_(kLists) {
    if (!sentences_) throw py::error_already_set();
  }

  // Goes on until something is done, for about a quarter of a second: true if there may be more sentences.
  std::pair<bool, FaultTuple> read() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(250);
    bool more = true;
    while (more && !fault_.kind && std::chrono::steady_clock::now() < until) {
      const auto sentence = next(sentences_);
      more = static_cast<bool>(sentence);
      if (more) read_sentence(sentence.ptr());
    }
    flush();
    return {more, described(fault_)};
  }

  std::int64_t sentences() const { return sentence_; }

 private:
  static constexpr std::size_t kLists = 32, kListBytes = 1 << 20;

  static py::object next(const py::object& iterator) {
    auto item = py::reinterpret_steal<py::object>(PyIter_Next(iterator.ptr()));
    if (!item && PyErr_Occurred()) throw py::error_already_set();
    return item;
  }

  [[noreturn]] void refuse(const std::string& what, const char* remedy) const {
    throw py::type_error("sentence " + std::to_string(sentence_) + " (counted from 0) " + what + ": " + remedy);
  }

  void read_sentence(PyObject* sentence) {
    token_ = 0;
    if (PyList_CheckExact(sentence)) {
      // The size anew each time: another thread may change the list while flush() is at work.
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(sentence); ++i) {
        read_token(py::reinterpret_borrow<py::object>(PyList_GET_ITEM(sentence, i)).ptr());
      }
    } else if (PyTuple_CheckExact(sentence)) {
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(sentence); ++i) read_token(PyTuple_GET_ITEM(sentence, i));
    } else {
      read_any(sentence);
    }
    list().words.breaks.push_back(static_cast<std::uint32_t>(list().words.size));
    ++sentence_;
  }

  void read_any(PyObject* sentence) {
    if (PyUnicode_Check(sentence) || PyBytes_Check(sentence)) {
      refuse("is " + representation(sentence) + ", not a list of tokens", "split it into words first");
    }
    const auto tokens = py::reinterpret_steal<py::object>(PyObject_GetIter(sentence));
    if (!tokens) {
      if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
      PyErr_Clear();
      refuse("is of type " + type_name(sentence), "expected a list of tokens");
    }
    while (const auto token = next(tokens)) read_token(token.ptr());
  }

  void read_token(PyObject* token) {
    if (!PyUnicode_Check(token)) {
      refuse("holds a token of type " + type_name(token) + " at place " + std::to_string(token_),
             "every token must be a str");
    }
    std::string_view word;
    try {
      word = utf8(token, scratch_);
    } catch (const std::range_error& error) {
      throw std::invalid_argument("sentence " + std::to_string(sentence_) + " (counted from 0) holds, in token " +
                                  std::to_string(token_) + ", " + error.what());
    }
    ++token_;
    if (word.size() > kLongestWord) {
      throw std::invalid_argument("sentence " + std::to_string(sentence_) + " (counted from 0) holds a token of " +
                                  std::to_string(word.size()) + " bytes: the longest allowed has " +
                                  std::to_string(kLongestWord));
    }
    if (!word.empty()) append(word);
  }

  void append(std::string_view word) {
    if (list().words.size >= list_words_ || bytes_ >= kListBytes) next_list();
    std::vector<char>& text = list().text;
    if (text.size() < bytes_ + word.size() + kTextPadding) text.resize(2 * (bytes_ + word.size()) + 4096);
    std::memcpy(text.data() + bytes_, word.data(), word.size());
    const auto start = static_cast<std::uint32_t>(bytes_);
    bytes_ += word.size();
    list().words.push(start, static_cast<std::uint32_t>(bytes_));
  }

  WordList& list() { return lists_[current_]; }

  void next_list() {
    if (current_ + 1 == kLists) {
      flush();
      return;
    }
    ++current_;
    bytes_ = 0;
  }

  void flush() {
    if (!fault_.kind) {
      py::gil_scoped_release nogil;
      fault_ = scanner_.scan_lists(std::span(lists_).first(current_ + 1));
    }
    for (WordList& used : std::span(lists_).first(current_ + 1)) {
      used.words.clear();
      if (used.text.size() > 4 * kListBytes) used.text = {};
    }
    current_ = bytes_ = 0;
  }

  CorpusScanner& scanner_;
  py::object sentences_;
  const std::size_t list_words_;
  std::vector<WordList> lists_;
  std::size_t current_ = 0, bytes_ = 0;  // the list being filled, and the bytes in it
  std::int64_t sentence_ = 0, token_ = 0;
  std::string scratch_;
  Fault fault_;
};

}  // namespace

void bind_text(py::module_& m) {
  py::class_<WordTable>(m, "WordTable")
      .def(py::init(&word_table), py::arg("words"), py::arg("counts"))
      .def("__len__", &WordTable::size)
      .def("counts", &word_counts)
      .def("words", &words_of, py::arg("ids"))
      .def("sort", &sort_words, py::arg("ids"))
      .def("find", &find_words, py::arg("words"));

  py::class_<CorpusScanner>(m, "CorpusScanner")
      .def(py::init<int, int, const WordTable*, bool>(), py::arg("threads"), py::arg("spool"), py::arg("table"),
           py::arg("every_end") = false, py::keep_alive<1, 4>())
      .def("limit_table", &limit_table, py::arg("limit"), py::arg("keep"))
      .def("scan_files", &scan_files, py::arg("pieces"))
      .def("scan_bytes", &scan_bytes, py::arg("data"), py::arg("last"), py::arg("piece_size"))
      .def("merge", &CorpusScanner::merge, py::return_value_policy::reference_internal,
           py::call_guard<py::gil_scoped_release>())
      .def("start_finish", &start_finish, py::arg("final_ids"), py::arg("types"))
      .def("finish", &finish, py::arg("pieces"))
      .def("totals", [](const CorpusScanner& scanner) { return tuple_of(scanner.totals()); })
      .def("final_totals", [](const CorpusScanner& scanner) { return tuple_of(scanner.final_totals()); });

  py::class_<SentenceReader>(m, "SentenceReader")
      .def(py::init<CorpusScanner&, py::object, std::int64_t>(), py::arg("scanner"), py::arg("sentences"),
           py::arg("list_words"), py::keep_alive<1, 2>())
      .def("read", &SentenceReader::read)
      .def_property_readonly("sentences", &SentenceReader::sentences);
}

}  // namespace lexigrad
