#include "core/vector_file.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/parallel.h"

namespace lexigrad {
namespace {

static_assert(std::endian::native == std::endian::little, "vector files are little-endian");

constexpr std::int64_t kFloatsPerTask = 1 << 13;  // 100 microseconds or more of parsing or formatting
constexpr std::int64_t kCopiesPerTask = 1 << 18;  // the same for copying

bool is_separator(char c) { return c == ' ' || c == '\t'; }
bool is_space(char c) { return is_separator(c) || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

std::string_view without_trailing_space(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

const char* find(const char* begin, const char* end, char c) {
  return static_cast<const char*>(std::memchr(begin, c, static_cast<std::size_t>(end - begin)));
}

// A short printable quotation of untrusted bytes.
std::string quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text.substr(0, 30)) result += c >= ' ' && c <= '~' ? c : '?';
  return result + (text.size() > 30 ? "...'" : "'");
}

std::string word_fault(std::string_view word) {
  if (word.empty()) return "the word is empty";
  if (word.size() > kMaxWordBytes) {
    return "the word has " + std::to_string(word.size()) + " bytes; more than " + std::to_string(kMaxWordBytes) +
           " are not accepted";
  }
  if (word.find('\0') != word.npos) return "the word holds a NUL byte";
  if (word.find('\n') != word.npos) return "the word holds a line break, so no record begins here";
  return "";
}

std::string number_fault(const float* row, std::int64_t dim) {
  std::int32_t greatest = 0;
  for (std::int64_t i = 0; i < dim; ++i) {
    greatest = std::max(greatest, std::bit_cast<std::int32_t>(row[i]) & std::numeric_limits<std::int32_t>::max());
  }
  if (greatest < std::bit_cast<std::int32_t>(std::numeric_limits<float>::infinity())) return "";
  const auto bad = std::find_if(row, row + dim, [](float x) { return !std::isfinite(x); });
  return "number " + std::to_string(bad - row + 1) + " of the vector is " +
         (std::isnan(*bad) ? "not a number" : "infinite or beyond float32");
}

// Rows [0, count) in parallel: `row_fault(row)` does the work and says what is wrong. Returns the first bad row, with
// its fault, or count.
template <typename RowFault>
std::int64_t first_bad_row(std::int64_t count, std::int64_t rows_per_task, int threads, std::string& fault,
                           const RowFault& row_fault) {
  const std::int64_t tasks = (count + rows_per_task - 1) / rows_per_task;
  std::vector<std::int64_t> bad(static_cast<std::size_t>(tasks), count);
  std::vector<std::string> faults(static_cast<std::size_t>(tasks));
  parallel_for(tasks, threads, [&](std::int64_t task, int) {
    const std::int64_t end = std::min(count, (task + 1) * rows_per_task);
    for (std::int64_t row = task * rows_per_task; row < end; ++row) {
      auto& text = faults[static_cast<std::size_t>(task)];
      text = row_fault(row);
      if (text.empty()) continue;
      bad[static_cast<std::size_t>(task)] = row;
      return;
    }
  });
  for (std::size_t task = 0; task < bad.size(); ++task) {
    if (bad[task] == count) continue;
    fault = faults[task];
    return bad[task];
  }
  return count;
}

// Cuts what was found to its first `rows` rows and gathers their words.
void finish(ParsedRows& found, std::size_t rows, const std::vector<std::string_view>& words) {
  if (rows < found.starts.size()) {
    found.consumed = found.starts[rows];
    found.starts.resize(rows);
    found.blank = false;
  }
  for (std::size_t row = 0; row < rows; ++row) found.words.append(words[row]).push_back('\n');
}

std::int64_t rows_per_task(std::int64_t floats, std::int64_t dim) { return std::max<std::int64_t>(1, floats / dim); }

constexpr std::int64_t kMaxExponent = std::int64_t{1} << 40;  // beyond what a line's digits can make up for

// Whether a number too long for float is too large for it, rather than too close to zero.
bool too_large(std::string_view number) {
  std::int64_t magnitude = 0, exponent = 0;
  bool fraction = false, significant = false;
  std::size_t i = 0;
  for (; i < number.size() && number[i] != 'e' && number[i] != 'E'; ++i) {
    if (number[i] == '.') fraction = true;
    if (number[i] >= '1' && number[i] <= '9') significant = true;
    if (number[i] >= '0' && number[i] <= '9') magnitude += significant ? !fraction : -fraction;
  }
  if (i < number.size()) {
    const bool negative = number.substr(i + 1).starts_with('-');
    if (number.substr(i + 1).starts_with('+')) ++i;
    const auto [end, error] = std::from_chars(number.data() + i + 1, number.data() + number.size(), exponent);
    if (error == std::errc::result_out_of_range) return !negative;
    exponent = std::clamp<std::int64_t>(exponent, -kMaxExponent, kMaxExponent);
  }
  return magnitude + exponent > 0;
}

// The usual case, a sign, at most 15 digits and a point, several times faster than from_chars and just as exact:
// digits and power of ten are exact doubles, so their quotient is the nearest double, and that rounds to the nearest
// float unless it lies halfway between two. nullptr: not such a number.
const char* parse_short_number(const char* at, const char* end, float& value) {
  static constexpr double kPowers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const bool negative = at < end && *at == '-';
  if (negative) ++at;
  std::uint64_t digits = 0;
  const auto read_digits = [&] {
    const char* const begin = at;
    const char* const most = end - at > 16 ? at + 16 : end;
    for (; at < most && *at >= '0' && *at <= '9'; ++at) digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
    return at - begin;
  };
  auto count = read_digits();
  std::ptrdiff_t decimals = 0;
  if (at < end && *at == '.') {
    ++at;
    decimals = read_digits();
    count += decimals;
  }
  if (count == 0 || count > 15 || (at < end && !is_separator(*at))) return nullptr;
  const double magnitude = static_cast<double>(digits) / kPowers[decimals];
  constexpr std::uint64_t below_float = (std::uint64_t{1} << 29) - 1, halfway = std::uint64_t{1} << 28;
  if ((std::bit_cast<std::uint64_t>(magnitude) & below_float) == halfway) return nullptr;
  value = static_cast<float>(negative ? -magnitude : magnitude);
  return at;
}

// Reads the number that begins at `begin`; nullptr when no number that ends at a separator or at `end` does.
const char* parse_number(const char* begin, const char* end, float& value) {
  if (const char* stop = parse_short_number(begin, end, value)) return stop;
  if (begin < end && *begin == '+' && begin + 1 < end && begin[1] != '-') ++begin;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error == std::errc::invalid_argument || (stop < end && !is_separator(*stop))) return nullptr;
  if (error == std::errc::result_out_of_range) {
    value = too_large({begin, stop}) ? std::numeric_limits<float>::infinity() : 0.0f;
  }
  return stop;
}

bool is_number(std::string_view field) {
  float ignored;
  return parse_number(field.data(), field.data() + field.size(), ignored) == field.data() + field.size();
}

// Takes the last field off the text, with the separators before it.
std::string_view pop_field(std::string_view& text) {
  std::size_t begin = text.size();
  while (begin > 0 && !is_separator(text[begin - 1])) --begin;
  const auto field = text.substr(begin);
  while (begin > 0 && is_separator(text[begin - 1])) --begin;
  text = text.substr(0, begin);
  return field;
}

std::string expected(Label label, std::int64_t dim) {
  return std::string("expected ") + (label == Label::word ? "a word and " : "") + std::to_string(dim) +
         " numbers, found ";
}

// A line that is not simply a word and dim numbers: a word with spaces in it, or a fault.
std::string parse_irregular_line(std::string_view line, Label label, float* row, std::int64_t dim,
                                 std::string_view& word) {
  if (label == Label::word && is_separator(line.front())) return "the word is empty";
  std::string_view rest = line;
  for (std::int64_t i = dim - 1; i >= 0; --i) {
    const auto field = pop_field(rest);
    const char* end = field.data() + field.size();
    const bool number = parse_number(field.data(), end, row[i]) == end;
    if (!number && !(rest.empty() && label == Label::word)) return "expected a number, found " + quoted(field);
    if (rest.empty() && (i > 0 || label == Label::word)) {
      return expected(label, dim) + std::to_string(dim - i - (label == Label::word ? 1 : 0));
    }
  }
  if (label == Label::none) return rest.empty() ? "" : expected(label, dim) + "more";
  word = rest;
  auto before = rest;
  const auto field = pop_field(before);
  return !before.empty() && is_number(field) ? expected(label, dim) + "more" : "";
}

std::string parse_line(std::string_view line, Label label, float* row, std::int64_t dim, std::string_view& word) {
  const char* at = line.data();
  const char* const end = at + line.size();
  if (label == Label::word) {
    while (at < end && !is_separator(*at)) ++at;
    word = {line.data(), at};
  }
  bool regular = label == Label::none || !word.empty();
  for (std::int64_t i = 0; regular && i < dim; ++i) {
    while (at < end && is_separator(*at)) ++at;
    at = at < end ? parse_number(at, end, row[i]) : nullptr;
    regular = at != nullptr;
  }
  if (!regular || at != end) {
    if (auto fault = parse_irregular_line(line, label, row, dim, word); !fault.empty()) return fault;
  }
  if (label == Label::word) {
    if (auto fault = word_fault(word); !fault.empty()) return fault;
  }
  return number_fault(row, dim);
}

constexpr std::size_t kMaxNumberBytes = 24;

char* copy(char* out, const char* text, std::size_t size) {
  std::memcpy(out, text, size);
  return out + size;
}

char* repeat_zero(char* out, int count) {
  if (count <= 0) return out;
  std::memset(out, '0', static_cast<std::size_t>(count));
  return out + count;
}

// The digits of a number of the given decimal exponent, with the point at its place.
char* format_positional(char* out, const char* digits, int count, int exponent) {
  if (exponent < 0) {
    out = repeat_zero(copy(out, "0.", 2), -exponent - 1);
    return copy(out, digits, static_cast<std::size_t>(count));
  }
  const int whole = std::min(count, exponent + 1);
  out = repeat_zero(copy(out, digits, static_cast<std::size_t>(whole)), exponent + 1 - count);
  *out++ = '.';
  if (whole == count) return repeat_zero(out, 1);
  return copy(out, digits + whole, static_cast<std::size_t>(count - whole));
}

char* format_number(char* out, float value, double scientific_from) {
  if (std::isnan(value)) return copy(out, "nan", 3);
  if (std::signbit(value)) *out++ = '-';
  const float magnitude = std::fabs(value);
  if (std::isinf(magnitude)) return copy(out, "inf", 3);
  if (magnitude == 0) return copy(out, "0.0", 3);
  char text[kMaxNumberBytes];
  const char* end = std::to_chars(text, text + sizeof text, magnitude, std::chars_format::scientific).ptr;
  if (magnitude < 1e-4 || magnitude >= scientific_from) return copy(out, text, static_cast<std::size_t>(end - text));
  // "d.ddde-04" into its digits and its exponent
  const char* e = find(text, end, 'e');
  char digits[kMaxNumberBytes];
  digits[0] = text[0];
  const int count = e - text > 2 ? static_cast<int>(e - text) - 1 : 1;
  std::memcpy(digits + 1, text + 2, static_cast<std::size_t>(count - 1));
  int exponent = 0;
  for (const char* c = e + 2; c < end; ++c) exponent = exponent * 10 + (*c - '0');
  return format_positional(out, digits, count, e[1] == '-' ? -exponent : exponent);
}

std::string_view label_of(const RowLabels& labels, std::int64_t row) {
  return {labels.bytes + labels.offsets[row], static_cast<std::size_t>(labels.offsets[row + 1] - labels.offsets[row])};
}

}  // namespace

ParsedRows parse_binary_rows(std::string_view block, const RowTarget& out, int threads) {
  const std::size_t row_bytes = static_cast<std::size_t>(out.dim) * sizeof(float);
  ParsedRows found;
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while (static_cast<std::int64_t>(words.size()) < out.count) {
    const auto rest = block.substr(at, kMaxWordBytes + 1);
    const std::size_t space = rest.find(' ');
    if (space == rest.npos) {
      if (rest.size() > kMaxWordBytes)
        found.fault = "no space ends the word within " + std::to_string(kMaxWordBytes) + " bytes";
      break;
    }
    const std::size_t begin = std::min(space, rest.find_first_not_of('\n'));
    const auto word = rest.substr(begin, space - begin);
    found.fault = word_fault(word);
    if (!found.fault.empty() || block.size() - at - space - 1 < row_bytes) break;
    found.starts.push_back(static_cast<std::int64_t>(at));
    words.push_back(word);
    at += space + 1 + row_bytes;
  }
  found.consumed = static_cast<std::int64_t>(at);
  const auto count = static_cast<std::int64_t>(words.size());
  const auto bad =
      first_bad_row(count, rows_per_task(kCopiesPerTask, out.dim), threads, found.fault, [&](std::int64_t row) {
        float* target = out.data + row * out.dim;
        const auto& word = words[static_cast<std::size_t>(row)];
        std::memcpy(target, word.data() + word.size() + 1, row_bytes);
        return number_fault(target, out.dim);
      });
  finish(found, static_cast<std::size_t>(bad), words);
  return found;
}

ParsedRows parse_text_rows(std::string_view block, bool last, Label label, const RowTarget& out, int threads) {
  ParsedRows found;
  std::vector<std::string_view> lines;
  const char* const end = block.data() + block.size();
  const char* at = block.data();
  while (static_cast<std::int64_t>(lines.size()) < out.count && at < end) {
    const char* const line_break = find(at, end, '\n');
    const std::string_view line(at, line_break ? line_break : end);
    if (line.size() > kMaxLineBytes) {
      found.fault = "the line has more than " + std::to_string(kMaxLineBytes) + " bytes";
      break;
    }
    if (!line_break && !last) break;
    lines.push_back(without_trailing_space(line));
    found.blank = lines.back().empty();
    if (found.blank) {
      lines.pop_back();
      break;
    }
    found.starts.push_back(at - block.data());
    at = line_break ? line_break + 1 : end;
  }
  found.consumed = at - block.data();
  const auto count = static_cast<std::int64_t>(lines.size());
  std::vector<std::string_view> words(lines.size());
  const auto bad =
      first_bad_row(count, rows_per_task(kFloatsPerTask, out.dim), threads, found.fault, [&](std::int64_t row) {
        const auto i = static_cast<std::size_t>(row);
        return parse_line(lines[i], label, out.data + row * out.dim, out.dim, words[i]);
      });
  finish(found, static_cast<std::size_t>(bad), words);
  return found;
}

std::int64_t count_text_columns(std::string_view block, Label label) {
  auto line = without_trailing_space(block.substr(0, block.find('\n')));
  std::int64_t columns = 0;
  while (!line.empty()) {
    const auto field = pop_field(line);
    if (!is_number(field) || (label == Label::word && line.empty())) break;
    ++columns;
  }
  return columns;
}

std::string format_binary_rows(const RowLabels& labels, const RowSource& rows) {
  const std::size_t row_bytes = static_cast<std::size_t>(rows.dim) * sizeof(float);
  std::string text;
  text.reserve(static_cast<std::size_t>(labels.offsets[rows.count] - labels.offsets[0]) +
               static_cast<std::size_t>(rows.count) * row_bytes);
  for (std::int64_t row = 0; row < rows.count; ++row) {
    text.append(label_of(labels, row));
    text.append(reinterpret_cast<const char*>(rows.data + row * rows.stride), row_bytes);
  }
  return text;
}

std::string format_text_rows(const RowLabels& labels, const RowSource& rows, const TextStyle& style, int threads) {
  const std::int64_t per_task = rows_per_task(kFloatsPerTask, rows.dim);
  const std::int64_t tasks = (rows.count + per_task - 1) / per_task;
  std::vector<std::string> parts(static_cast<std::size_t>(tasks));
  parallel_for(tasks, threads, [&](std::int64_t task, int) {
    auto& part = parts[static_cast<std::size_t>(task)];
    const std::int64_t end = std::min(rows.count, (task + 1) * per_task);
    for (std::int64_t row = task * per_task; row < end; ++row) {
      part.append(label_of(labels, row));
      for (std::int64_t i = 0; i < rows.dim; ++i) {
        char text[kMaxNumberBytes];
        char* stop = format_number(text, rows.data[row * rows.stride + i], style.scientific_from);
        *stop++ = i + 1 < rows.dim ? style.separator : '\n';
        part.append(text, stop);
      }
    }
  });
  std::string text;
  std::size_t size = 0;
  for (const auto& part : parts) size += part.size();
  text.reserve(size);
  for (const auto& part : parts) text += part;
  return text;
}

}  // namespace lexigrad
