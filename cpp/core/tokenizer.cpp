#include "core/tokenizer.h"

#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace lexigrad {
namespace {

constexpr std::size_t kStep = 64;

// One bit for each of 64 bytes, the first byte lowest.
struct Masks {
  std::uint64_t space, newline;
};

#ifdef __SSE2__
Masks classify(const char* text) {
  Masks masks{0, 0};
  const __m128i first = _mm_set1_epi8('\t'), last = _mm_set1_epi8('\r' - '\t');
  for (std::size_t i = 0; i < kStep; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + i));
    const __m128i shifted = _mm_sub_epi8(bytes, first);
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(shifted, last), shifted);
    const __m128i space = _mm_or_si128(control, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')));
    const __m128i newline = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'));
    masks.space |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(space))) << i;
    masks.newline |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(newline))) << i;
  }
  return masks;
}
#else
Masks classify(const char* text) {
  Masks masks{0, 0};
  for (std::size_t i = 0; i < kStep; ++i) {
    masks.space |= static_cast<std::uint64_t>(is_space(text[i])) << i;
    masks.newline |= static_cast<std::uint64_t>(text[i] == '\n') << i;
  }
  return masks;
}
#endif

// Without an instruction for it a call of std::popcount goes to a library.
int count_bits(std::uint64_t bits) {
  bits -= bits >> 1 & 0x5555555555555555;
  bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
  bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0F;
  return static_cast<int>(bits * 0x0101010101010101 >> 56);
}

// Writes the positions of the `count` bits that are set; in fours because a loop that ends at each word mispredicts.
void write_positions(std::uint64_t bits, int count, std::uint32_t base, std::uint32_t* out) {
  for (int i = 0; i < count; i += 4) {
    for (int j = 0; j < 4; ++j) {
      out[i + j] = base + static_cast<std::uint32_t>(__builtin_ctzll(bits | std::uint64_t{1} << 63));
      bits &= bits - 1;
    }
  }
}

}  // namespace

void Words::clear() {
  size = 0;
  breaks.clear();
}

void Words::push(std::uint32_t start, std::uint32_t end) {
  if (size == starts.size()) {
    starts.resize(size * 2 + 1024);
    ends.resize(size * 2 + 1024);
  }
  starts[size] = start;
  ends[size] = end;
  ++size;
}

void tokenize(const char* text, std::size_t size, Words& words) {
  const std::size_t most = size / 2 + 1 + 4;  // write_positions may run three past the last
  if (words.starts.size() < most) {
    words.starts.resize(most);
    words.ends.resize(most);
  }
  words.breaks.clear();
  std::uint32_t* start = words.starts.data();
  std::uint32_t* end = words.ends.data();
  std::uint64_t before = 1;  // was the byte before this step whitespace?
  for (std::size_t i = 0; i < size; i += kStep) {
    Masks masks = classify(text + i);
    if (size - i < kStep) {
      const std::uint64_t inside = (std::uint64_t{1} << (size - i)) - 1;
      masks.space |= ~inside;
      masks.newline &= inside;
    }
    const std::uint64_t shifted = masks.space << 1 | before;
    const std::uint64_t starting = ~masks.space & shifted, ending = masks.space & ~shifted;
    for (std::uint64_t bits = masks.newline; bits; bits &= bits - 1) {
      const std::uint64_t below = (bits & -bits) - 1;
      words.breaks.push_back(static_cast<std::uint32_t>(start - words.starts.data()) +
                             static_cast<std::uint32_t>(count_bits(starting & below)));
    }
    const std::uint64_t after = masks.space >> 63;
    const int started = count_bits(starting);
    const int ended = started - static_cast<int>(before) + static_cast<int>(after);
    write_positions(starting, started, static_cast<std::uint32_t>(i), start);
    write_positions(ending, ended, static_cast<std::uint32_t>(i), end);
    start += started;
    end += ended;
    before = after;
  }
  if (!before) *end++ = static_cast<std::uint32_t>(size);
  words.size = static_cast<std::size_t>(end - words.ends.data());
}

std::ptrdiff_t find_invalid_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const std::size_t size = text.size();
  std::size_t i = 0;
  while (i < size) {
    const unsigned char lead = bytes[i];
    if (lead < 0x80) {
      ++i;
      continue;
    }
    std::size_t more;
    unsigned char low = 0x80, high = 0xBF;  // of the second byte
    if (lead >= 0xC2 && lead <= 0xDF) {
      more = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      more = 2;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      more = 3;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return static_cast<std::ptrdiff_t>(i);
    }
    if (size - i <= more || bytes[i + 1] < low || bytes[i + 1] > high) return static_cast<std::ptrdiff_t>(i);
    for (std::size_t k = 2; k <= more; ++k) {
      if ((bytes[i + k] & 0xC0) != 0x80) return static_cast<std::ptrdiff_t>(i);
    }
    i += more + 1;
  }
  return -1;
}

}  // namespace lexigrad
