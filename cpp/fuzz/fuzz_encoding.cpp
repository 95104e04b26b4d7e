// Fuzz of the tokenizer, the table of words and the scanner of corpora, against a slow and simple reading of the same
// text. The first byte chooses the size of pieces and of parts; the rest is the text.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <string>

#include "../tests/check.h"
#include "core/encoding.h"

namespace {

using namespace lexigrad;

// The text as words, in order of first appearance, and as a stream of their ids.
struct Corpus {
  std::vector<std::string> words;
  std::vector<std::int64_t> counts;
  std::vector<std::int32_t> stream;
  std::int64_t raw_words = 0, sentences = 0;
};

Corpus read_simply(const std::string& text) {
  Corpus corpus;
  std::map<std::string, std::int32_t> ids;
  std::string word;
  bool open = false;  // has the sentence a word?
  for (const char c : text + "\n") {
    if (!is_space(c)) {
      word += c;
      continue;
    }
    if (!word.empty()) {
      const auto [place, is_new] = ids.try_emplace(word, static_cast<std::int32_t>(ids.size()));
      if (is_new) {
        corpus.words.push_back(word);
        corpus.counts.push_back(0);
      }
      ++corpus.counts[static_cast<std::size_t>(place->second)];
      ++corpus.raw_words;
      corpus.stream.push_back(place->second);
      word.clear();
      open = true;
    }
    if (c == '\n' && open) {
      corpus.stream.push_back(kEndOfSentence);
      ++corpus.sentences;
      open = false;
    }
  }
  return corpus;
}

struct MemoryFile {
  const int number = memfd_create("fuzz", 0);
  ~MemoryFile() { close(number); }
  void assign(const std::string& text) const {
    CHECK(ftruncate(number, 0) == 0);
    CHECK(pwrite(number, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
};

const MemoryFile kInput, kSpool;

void check(CorpusScanner& scanner, const Corpus& expected) {
  const WordTable& table = scanner.merge();
  CHECK(table.size() == static_cast<std::int32_t>(expected.words.size()));
  std::vector<std::int32_t> ids;
  for (std::int32_t id = 0; id < table.size(); ++id) {
    const auto place = static_cast<std::size_t>(id);
    CHECK(table.word(id) == expected.words[place] && table.count(id) == expected.counts[place]);
    CHECK(table.find(expected.words[place]) == id);
    ids.push_back(id);
  }
  CHECK(scanner.totals().raw_words == expected.raw_words && scanner.totals().sentences == expected.sentences);
  Fault fault;
  scanner.start_finish(ids);
  while (scanner.finish(3, fault)) CHECK(!fault.kind);
  std::vector<std::int32_t> stream(static_cast<std::size_t>(scanner.final_totals().length));
  const auto bytes = static_cast<ssize_t>(stream.size() * sizeof(std::int32_t));
  CHECK(pread(kSpool.number, stream.data(), static_cast<std::size_t>(bytes), 0) == bytes);
  CHECK(stream == expected.stream);
}

// Either way of scanning accepts the text or names its first byte that is not UTF-8.
void check_scan(CorpusScanner& scanner, const Fault& fault, std::ptrdiff_t invalid, std::int64_t offset,
                const Corpus& expected) {
  CHECK(fault.kind == (invalid < 0 ? Fault::kNone : Fault::kNotUtf8));
  if (invalid < 0) {
    check(scanner, expected);
  } else {
    CHECK(fault.offset == invalid + offset);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::int64_t piece_size = 1 + (data[0] & 15) * 5;
  const std::size_t part_size = 1 + static_cast<std::size_t>(data[0] >> 4) * 3;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::int64_t mark = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  const std::string content = text.substr(static_cast<std::size_t>(mark));
  const Corpus expected = read_simply(content);
  const std::ptrdiff_t invalid = find_invalid_utf8(content);

  kInput.assign(text);
  std::vector<FilePiece> pieces;
  const auto length = static_cast<std::int64_t>(text.size());
  for (std::int64_t begin = 0; begin < length; begin += piece_size) {
    pieces.push_back({kInput.number, begin, std::min(length, begin + piece_size), length});
  }
  CorpusScanner files(1, kSpool.number, nullptr);
  check_scan(files, files.scan_files(pieces), invalid, mark, expected);

  CorpusScanner parts(1, kSpool.number, nullptr);
  Fault fault;
  for (std::size_t begin = 0; begin < text.size() && !fault.kind; begin += part_size) {
    const std::string part = text.substr(begin, part_size);
    const bool last = begin + part.size() == text.size();
    fault = parts.scan_bytes(part.data(), part.size(), last, static_cast<std::size_t>(piece_size));
  }
  check_scan(parts, fault, invalid, mark, expected);
  return 0;
}
