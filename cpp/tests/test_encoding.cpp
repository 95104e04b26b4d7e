// Corpora to streams of ids on several threads, against one thread; meant to run under ThreadSanitizer as well.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/encoding.h"

namespace {

using namespace lexigrad;

// A file without a name, gone when it is closed.
struct TemporaryFile {
  std::FILE* file = std::tmpfile();
  TemporaryFile() { CHECK(file); }
  ~TemporaryFile() { std::fclose(file); }
  int number() const { return fileno(file); }
};

std::string random_text(unsigned seed, int words) {
  std::mt19937 random(seed);
  const char* spaces[] = {" ", "\n", "  ", "\t", "\r\n", "\n\n", "\v", "\f"};
  std::string text;
  for (int i = 0; i < words; ++i) {
    const unsigned kind = random() % 40;
    const unsigned number = random() % 300 * (random() % 300) / 100;
    text += kind == 0   ? std::string(17 + number % 90, 'x') + std::to_string(number)
            : kind == 1 ? "naïve" + std::to_string(number)
                        : "w" + std::to_string(number);
    text += spaces[random() % 3 ? 0 : random() % std::size(spaces)];
  }
  return text;
}

struct Scanned {
  std::vector<std::string> words;
  std::vector<std::int64_t> counts;
  std::vector<std::int32_t> stream;
  std::int64_t raw_words, sentences, length;
};

// Every third word is left out of the final stream.
Scanned finish(CorpusScanner& scanner, int spool) {
  Scanned result;
  const WordTable& table = scanner.merge();
  std::vector<std::int32_t> final_ids;
  for (std::int32_t id = 0; id < table.size(); ++id) {
    result.words.emplace_back(table.word(id));
    result.counts.push_back(table.count(id));
    final_ids.push_back(id % 3 == 2 ? kUnknown : id);
  }
  result.raw_words = scanner.totals().raw_words;
  result.sentences = scanner.totals().sentences;
  scanner.start_finish(final_ids);
  Fault fault;
  while (scanner.finish(3, fault)) CHECK(!fault.kind);
  CHECK(!fault.kind);
  result.length = scanner.final_totals().length;
  result.stream.resize(static_cast<std::size_t>(result.length));
  const auto bytes = static_cast<ssize_t>(result.stream.size() * sizeof(std::int32_t));
  CHECK(pread(spool, result.stream.data(), static_cast<std::size_t>(bytes), 0) == bytes);
  return result;
}

Scanned scan_file(const std::string& text, int threads, std::int64_t piece_size) {
  TemporaryFile input, spool;
  CHECK(std::fwrite(text.data(), 1, text.size(), input.file) == text.size() && std::fflush(input.file) == 0);
  const auto size = static_cast<std::int64_t>(text.size());
  std::vector<FilePiece> pieces;
  for (std::int64_t begin = 0; begin < size; begin += piece_size) {
    pieces.push_back({input.number(), begin, std::min(size, begin + piece_size), size});
  }
  CorpusScanner scanner(threads, spool.number(), nullptr);
  CHECK(!scanner.scan_files(pieces).kind);
  return finish(scanner, spool.number());
}

Scanned scan_parts(const std::string& text, int threads, std::size_t part, std::size_t piece_size) {
  TemporaryFile spool;
  CorpusScanner scanner(threads, spool.number(), nullptr);
  for (std::size_t begin = 0; begin < text.size(); begin += part) {
    const std::size_t size = std::min(part, text.size() - begin);
    const std::vector<char> exact(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                  text.begin() + static_cast<std::ptrdiff_t>(begin + size));
    CHECK(!scanner.scan_bytes(exact.data(), size, begin + size == text.size(), piece_size).kind);
  }
  return finish(scanner, spool.number());
}

void check_equal(const Scanned& a, const Scanned& b) {
  CHECK(a.words == b.words);
  CHECK(a.counts == b.counts);
  CHECK(a.stream == b.stream);
  CHECK(a.raw_words == b.raw_words && a.sentences == b.sentences && a.length == b.length);
}

void test_threads_agree() {
  for (const unsigned seed : {1u, 2u}) {
    const std::string text = random_text(seed, 6000);
    const Scanned expected = scan_file(text, 1, static_cast<std::int64_t>(text.size()));
    CHECK(expected.raw_words == 6000);
    std::int64_t counted = 0;
    for (const std::int64_t count : expected.counts) counted += count;
    CHECK(counted == 6000);
    for (int threads = 1; threads <= 4; ++threads) {
      for (const std::int64_t piece : {97, 1000, 7777}) {
        check_equal(scan_file(text, threads, piece), expected);
        check_equal(scan_parts(text, threads, 5000, static_cast<std::size_t>(piece)), expected);
      }
    }
  }
}

// One caller gets the pool and the others do their work alone.
void test_several_callers() {
  const std::string text = random_text(3, 4000);
  const Scanned expected = scan_file(text, 1, static_cast<std::int64_t>(text.size()));
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 5; ++round) check_equal(scan_file(text, 2 + caller % 2, 301), expected);
    });
  }
  for (auto& caller : callers) caller.join();
}

void test_frozen_table() {
  WordTable table;
  for (int w = 0; w < 500; w += 2) table.add("w" + std::to_string(w), 1);
  const std::string text = random_text(4, 3000);
  std::vector<std::vector<std::int32_t>> streams;
  for (const int threads : {1, 3}) {
    TemporaryFile input, spool;
    CHECK(std::fwrite(text.data(), 1, text.size(), input.file) == text.size() && std::fflush(input.file) == 0);
    const auto size = static_cast<std::int64_t>(text.size());
    std::vector<FilePiece> pieces;
    for (std::int64_t begin = 0; begin < size; begin += 500) {
      pieces.push_back({input.number(), begin, std::min(size, begin + 500), size});
    }
    CorpusScanner scanner(threads, spool.number(), &table);
    CHECK(!scanner.scan_files(pieces).kind);
    CHECK(scanner.totals().raw_words == 3000 && scanner.totals().words < 3000);
    std::vector<std::int32_t> stream(static_cast<std::size_t>(scanner.totals().length));
    const auto bytes = static_cast<ssize_t>(stream.size() * sizeof(std::int32_t));
    CHECK(pread(spool.number(), stream.data(), static_cast<std::size_t>(bytes), 0) == bytes);
    for (const std::int32_t id : stream) CHECK(id >= kEndOfSentence && id < table.size());
    streams.push_back(stream);
  }
  CHECK(streams[0] == streams[1]);
}

void test_faults() {
  for (const int threads : {1, 4}) {
    TemporaryFile input, spool;
    std::string text = random_text(5, 3000);
    const std::size_t bad = text.find(' ', text.size() / 2) + 1;
    text[bad] = '\xff';
    text.back() = '\xff';
    CHECK(std::fwrite(text.data(), 1, text.size(), input.file) == text.size() && std::fflush(input.file) == 0);
    const auto size = static_cast<std::int64_t>(text.size());
    const auto pieces_of = [&](std::int64_t claimed) {
      std::vector<FilePiece> pieces;
      for (std::int64_t begin = 0; begin < claimed; begin += 400) {
        pieces.push_back({input.number(), begin, std::min(claimed, begin + 400), claimed});
      }
      return pieces;
    };
    CorpusScanner scanner(threads, spool.number(), nullptr);
    const Fault fault = scanner.scan_files(pieces_of(size));  // the first of the two
    CHECK(fault.kind == Fault::kNotUtf8 && fault.offset == static_cast<std::int64_t>(bad));
    CHECK(fault.piece == static_cast<std::int64_t>(bad) / 400);
    CorpusScanner other(threads, kNoSpool, nullptr);
    CHECK(other.scan_files(pieces_of(static_cast<std::int64_t>(bad) - 300)).kind == Fault::kNone);
    CorpusScanner longer(threads, kNoSpool, nullptr);
    auto pieces = pieces_of(size + 5000);
    pieces.erase(pieces.begin(), pieces.begin() + size / 400 + 1);
    CHECK(longer.scan_files(pieces).kind == Fault::kFileShrank);
    CorpusScanner full(threads, 1 << 20, nullptr);  // no such file to write to
    CHECK(full.scan_files(pieces_of(static_cast<std::int64_t>(bad) - 300)).kind == Fault::kSpoolFailed);
  }
}

// Texts of every short size, in a block of exactly the size that is promised.
void test_tokenizer() {
  for (std::size_t size = 0; size <= 200; ++size) {
    const std::string text = random_text(static_cast<unsigned>(size), 60).substr(0, size);
    std::vector<char> block(size + kTextPadding, '#');
    std::memcpy(block.data(), text.data(), size);
    Words words;
    tokenize(block.data(), size, words);
    std::vector<std::string> expected, got;
    std::string word;
    std::size_t breaks = 0;
    for (const char c : text + " ") {
      if (!is_space(c)) {
        word += c;
      } else if (!word.empty()) {
        expected.push_back(word);
        word.clear();
      }
      breaks += c == '\n';
    }
    for (std::size_t i = 0; i < words.size; ++i)
      got.push_back(text.substr(words.starts[i], words.ends[i] - words.starts[i]));
    CHECK(got == expected);
    CHECK(words.breaks.size() == breaks);
  }
}

void test_table() {
  std::map<std::string, std::int64_t> expected;
  WordTable table;
  std::mt19937 random(6);
  for (int i = 0; i < 20000; ++i) {
    std::string word(random() % 40, static_cast<char>('a' + random() % 2));
    word += std::to_string(random() % 500);
    const std::vector<char> exact(word.begin(), word.end());
    table.add({exact.data(), exact.size()}, i % 3);
    expected[word] += i % 3;
    CHECK(table.find({exact.data(), exact.size()}) >= 0);
  }
  CHECK(table.size() == static_cast<std::int32_t>(expected.size()));
  for (const auto& [word, count] : expected) CHECK(table.count(table.find(word)) == count);
  CHECK(table.find("") == kUnknown && table.find("absent") == kUnknown);
  table.add("", 5);
  CHECK(table.count(table.find("")) == 5);
  table.retain([](std::string_view word, std::int64_t) { return word.size() % 2 == 0; });
  for (const auto& [word, count] : expected) {
    const std::int32_t id = table.find(word);
    CHECK((id >= 0) == (word.size() % 2 == 0));
    if (id >= 0) CHECK(table.count(id) == count && table.word(id) == word);
  }
}

}  // namespace

int main() {
  test_tokenizer();
  test_table();
  test_threads_agree();
  test_several_callers();
  test_frozen_table();
  test_faults();
  return 0;
}
