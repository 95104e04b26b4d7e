// Fuzz of the parsers of vector files. The first two bytes choose what to parse and where to cut it; the rest is it.
// Besides what the sanitizers find: cut in two it gives the same rows and the same fault, and what was read is read
// again, bit for bit, from what is written of it.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "../tests/check.h"
#include "core/vector_file.h"

namespace {

using namespace lexigrad;

constexpr std::int64_t kRows = 64;

struct Choice {
  bool binary;
  Label label;
  std::int64_t dim;
};

struct Rows {
  std::string words, fault;
  std::vector<float> values;
  std::int64_t count = 0, consumed = 0;
  bool blank = false;
};

// Parses the rows that follow those found so far.
void parse(const Choice& choice, std::string_view block, bool last, Rows& rows) {
  const std::string exact(block.substr(static_cast<std::size_t>(rows.consumed)));
  rows.values.resize(static_cast<std::size_t>(kRows * choice.dim));
  const RowTarget target{rows.values.data() + rows.count * choice.dim, kRows - rows.count, choice.dim};
  const auto found =
      choice.binary ? parse_binary_rows(exact, target, 1) : parse_text_rows(exact, last, choice.label, target, 1);
  const auto count = static_cast<std::int64_t>(found.starts.size());
  CHECK(found.consumed >= 0 && found.consumed <= static_cast<std::int64_t>(exact.size()) && count <= target.count);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t start = found.starts[static_cast<std::size_t>(i)];
    CHECK(start < found.consumed && start >= (i ? found.starts[static_cast<std::size_t>(i) - 1] + 1 : 0));
  }
  rows.words += found.words;
  rows.count += count;
  rows.consumed += found.consumed;
  rows.fault = found.fault;
  rows.blank = found.blank;
}

bool same(const Rows& a, const Rows& b, std::int64_t dim) {
  return a.words == b.words && a.count == b.count &&
         std::memcmp(a.values.data(), b.values.data(), static_cast<std::size_t>(a.count * dim) * sizeof(float)) == 0;
}

Rows read_again(const Choice& choice, const Rows& rows) {
  std::string labels;
  std::vector<std::int64_t> offsets{0};
  for (std::size_t begin = 0, row = 0; row < static_cast<std::size_t>(rows.count); ++row) {
    const std::size_t end = rows.words.find('\n', begin);
    CHECK(end != rows.words.npos);
    labels.append(rows.words, begin, end - begin);
    if (choice.label == Label::word) labels += ' ';
    offsets.push_back(static_cast<std::int64_t>(labels.size()));
    begin = end + 1;
  }
  const RowLabels heads{labels.data(), offsets.data()};
  const RowSource source{rows.values.data(), rows.count, choice.dim, choice.dim};
  Rows again;
  parse(choice, choice.binary ? format_binary_rows(heads, source) : format_text_rows(heads, source, {' ', 1e16}, 1),
        true, again);
  return again;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool binary = data[0] & 1;
  const Choice choice{binary, binary || data[0] & 2 ? Label::word : Label::none, 1 + (data[0] >> 2) % 8};
  const std::string_view block(reinterpret_cast<const char*>(data) + 2, size - 2);

  Rows whole, parts;
  parse(choice, block, true, whole);
  for (std::int64_t i = 0; i < whole.count * choice.dim; ++i)
    CHECK(std::isfinite(whole.values[static_cast<std::size_t>(i)]));
  parse(choice, block.substr(0, data[1] % (block.size() + 1)), false, parts);
  if (parts.fault.empty() && !parts.blank) parse(choice, block, true, parts);
  CHECK(same(whole, parts, choice.dim));
  CHECK(whole.fault == parts.fault && whole.consumed == parts.consumed && whole.blank == parts.blank);

  const auto columns = count_text_columns(block, choice.label);
  if (!binary && whole.count > 0) CHECK(columns == choice.dim);
  const Rows again = read_again(choice, whole);
  CHECK(again.fault.empty() && same(whole, again, choice.dim));
  return 0;
}
