// Windows over a stream of word ids: which words are kept, which stand around a centre.
//
// Which occurrences are dropped depends on their position alone, so a window may reach beyond its block of the stream
// and still be the same as in one long pass.
#pragma once

#include "kernels/kernels.h"
#include "kernels/rng.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr std::int32_t kSentenceEnd = -1;
constexpr std::int64_t kFarthestLook = 1 << 20;  // a window's most words on a side, and the positions searched for them

bool kept(const Corpus& c, std::int64_t position) {
  if (!c.keep) return true;
  const std::uint32_t limit = c.keep[c.tokens[position]];
  return limit == UINT32_MAX || static_cast<std::uint32_t>(draw_at(c.key, position) >> 32) <= limit;
}

// The kept words of a block and of the sentence around it as far as a window reaches.
struct Words {
  std::int32_t* ids;         // kSentenceEnd between sentences, before the first word and after the last
  std::int64_t first, last;  // [first, last) are the block's own
  bool valid;                // every id lies below the vocabulary's size
};

// The most words that a window can have on a side.
std::int64_t reach(const Corpus& c) {
  const std::int64_t most = c.size < kFarthestLook ? c.size : kFarthestLook;
  return c.window < most ? c.window : most;
}

Words gather(const Corpus& c, std::int64_t begin, std::int64_t end, std::int32_t* buffer) {
  const std::int64_t most = reach(c);
  const std::int32_t vocabulary = c.vocabulary;
  Words words{nullptr, 0, 0, true};
  // Words before the block are found backwards, so they fill the buffer from the middle down.
  std::int32_t* front = buffer + most + 1;
  std::int32_t* back = front;
  const std::int64_t earliest = begin > kFarthestLook ? begin - kFarthestLook : 0;
  for (std::int64_t p = begin - 1, found = 0; p >= earliest && c.tokens[p] >= 0 && found < most; --p) {
    if (c.tokens[p] >= vocabulary) return {nullptr, 0, 0, false};
    if (!kept(c, p)) continue;
    *--front = c.tokens[p];
    ++found;
  }
  *--front = kSentenceEnd;
  words.ids = front;
  words.first = back - front;
  for (std::int64_t p = begin; p < end; ++p) {
    const std::int32_t id = c.tokens[p];
    if (id >= vocabulary) return {nullptr, 0, 0, false};
    *back = id < 0 ? kSentenceEnd : id;
    back += id < 0 || kept(c, p);
  }
  words.last = back - front;
  const std::int64_t latest = c.size - end > kFarthestLook ? end + kFarthestLook : c.size;
  for (std::int64_t p = end, found = 0; p < latest && c.tokens[p] >= 0 && found < most; ++p) {
    if (c.tokens[p] >= vocabulary) return {nullptr, 0, 0, false};
    if (!kept(c, p)) continue;
    *back++ = c.tokens[p];
    ++found;
  }
  *back = kSentenceEnd;
  return words;
}

struct Centre {
  std::int64_t at;         // index in Words
  std::int64_t low, high;  // the window: [low, high) without `at`
};

INLINE void find_window(const Corpus& c, const Words& words, Stream& random, Centre& centre) {
  std::int64_t size = reach(c);
  const std::uint64_t draw = random.next();
  if (c.shrink_windows) {
    const auto widest = static_cast<std::uint32_t>(c.window < UINT32_MAX ? c.window : UINT32_MAX);
    const std::int64_t drawn = 1 + static_cast<std::int64_t>(below(widest, draw));
    size = drawn < size ? drawn : size;
  }
  centre.low = centre.high = centre.at;
  while (centre.low > centre.at - size && words.ids[centre.low - 1] >= 0) --centre.low;
  while (centre.high < centre.at + size && words.ids[centre.high + 1] >= 0) ++centre.high;
  ++centre.high;
}

// Ids that `gather` may write, for blocks of at most c.longest_block.
INLINE std::size_t most_gathered(const Corpus& c) {
  return static_cast<std::size_t>(2 * reach(c) + c.longest_block + 4);
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
