// The parsers of vector files on whole, cut and garbled bytes, for running under sanitizers: each block lies in a heap
// allocation of exactly its size, so that reading one byte too far is seen.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "core/vector_file.h"

namespace {

using namespace lexigrad;

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                        \
    }                                                                      \
  } while (false)

constexpr std::int64_t kRows = 40, kDim = 3;

struct Table {
  std::string labels;
  std::vector<std::int64_t> offsets{0};
  std::vector<float> values;
};

Table table() {
  Table t;
  for (std::int64_t row = 0; row < kRows; ++row) {
    t.labels += "w" + std::to_string(row) + " ";
    t.offsets.push_back(static_cast<std::int64_t>(t.labels.size()));
    for (std::int64_t i = 0; i < kDim; ++i) {
      t.values.push_back(static_cast<float>(std::pow(-1.37, static_cast<double>(row * kDim + i) - 60)));
    }
  }
  return t;
}

ParsedRows parse(const std::string& bytes, bool binary, bool last, std::vector<float>& out, int threads) {
  std::unique_ptr<char[]> block(new char[bytes.size()]);
  std::memcpy(block.get(), bytes.data(), bytes.size());
  out.assign(kRows * kDim, 0.0f);
  const RowTarget target{out.data(), kRows, kDim};
  const std::string_view view(block.get(), bytes.size());
  auto found =
      binary ? parse_binary_rows(view, target, threads) : parse_text_rows(view, last, Label::word, target, threads);
  CHECK(found.consumed >= 0 && found.consumed <= static_cast<std::int64_t>(bytes.size()));
  CHECK(static_cast<std::int64_t>(found.starts.size()) <= kRows);
  for (const auto start : found.starts) CHECK(start >= 0 && start < found.consumed);
  return found;
}

void check_whole(const std::string& bytes, bool binary, const Table& t) {
  for (int threads = 1; threads <= 3; ++threads) {
    std::vector<float> out;
    const auto found = parse(bytes, binary, false, out, threads);
    CHECK(found.fault.empty() && !found.blank);
    CHECK(static_cast<std::int64_t>(found.starts.size()) == kRows);
    CHECK(found.consumed == static_cast<std::int64_t>(bytes.size()));
    CHECK(out == t.values);
  }
}

void check_cut(const std::string& bytes, bool binary) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    std::vector<float> out;
    const auto found = parse(bytes.substr(0, size), binary, false, out, 1);
    CHECK(found.fault.empty());
    CHECK(static_cast<std::int64_t>(found.starts.size()) < kRows);
    if (!binary) parse(bytes.substr(0, size), binary, true, out, 1);
  }
}

void check_garbled(const std::string& bytes, bool binary, int rounds) {
  std::mt19937 random(1);
  const std::string pieces[] = {
      "\n",   " ",   std::string(1, '\0'),  "nan",  "1e99", "1e-99999999999999999999", "\r\n", "\t", "+", "-", ".", "e",
      "\xff", "   ", "9223372036854775807", "0x1p3"};
  for (int round = 0; round < rounds; ++round) {
    std::string changed = bytes;
    for (unsigned change = 0; change <= random() % 4; ++change) {
      const auto& piece = pieces[random() % std::size(pieces)];
      const std::size_t at = random() % changed.size();
      changed.replace(at, random() % 6, piece);
      if (random() % 3 == 0) changed[random() % changed.size()] = static_cast<char>(random());
    }
    std::vector<float> one, two;
    const auto a = parse(changed, binary, true, one, 1);
    const auto b = parse(changed, binary, true, two, 2);
    CHECK(a.starts == b.starts && a.words == b.words && a.fault == b.fault && a.consumed == b.consumed);
    const auto parsed = a.starts.size() * kDim;
    for (std::size_t i = 0; i < parsed; ++i) CHECK(std::isfinite(one[i]) && one[i] == two[i]);
    count_text_columns(changed, round % 2 ? Label::word : Label::none);
  }
}

}  // namespace

int main() {
  const auto t = table();
  const RowLabels labels{t.labels.data(), t.offsets.data()};
  const RowSource rows{t.values.data(), kRows, kDim, kDim};
  const auto text = format_text_rows(labels, rows, {' ', 1e16}, 2);
  const auto binary = format_binary_rows(labels, rows);
  check_whole(text, false, t);
  check_whole(binary, true, t);
  check_cut(text, false);
  check_cut(binary, true);
  check_garbled(text, false, 20000);
  check_garbled(binary, true, 20000);
  CHECK(count_text_columns(text, Label::word) == kDim);
  CHECK(count_text_columns("", Label::word) == 0 && count_text_columns("\n1", Label::none) == 0);
  return 0;
}
