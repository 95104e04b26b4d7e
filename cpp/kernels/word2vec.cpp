// word2vec (Mikolov et al. 2013): skip-gram and CBOW over a stream of word ids.
//
// A block of the stream is one unit of work. Which occurrences are dropped depends on their position alone, so a
// window may reach beyond its block and still be the same as in one long pass; window sizes and negative samples
// come from a random stream that belongs to the block. So nothing depends on who trains which block when.
#include "kernels/kernels.h"
#include "kernels/objectives.h"
#include "kernels/rng.h"
#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr std::int32_t kSentenceEnd = -1;
constexpr std::int64_t kFarthestLook = 1 << 20;  // a window's most words on a side, and the positions searched for them
constexpr std::int64_t kRowsAhead = 6;           // how far ahead of its turn a context row is prefetched
constexpr std::int64_t kPathsAhead = 3;          // and a path through the Huffman tree

bool kept(const Word2Vec& a, std::int64_t position) {
  if (!a.keep) return true;
  const std::uint32_t limit = a.keep[a.tokens[position]];
  return limit == UINT32_MAX || static_cast<std::uint32_t>(draw_at(a.key, position) >> 32) <= limit;
}

// The kept words of a block and of the sentence around it as far as a window reaches.
struct Words {
  std::int32_t* ids;         // kSentenceEnd between sentences, before the first word and after the last
  std::int64_t first, last;  // [first, last) are the block's own
  bool valid;                // every id lies below the vocabulary's size
};

// The most words that a window can have on a side.
std::int64_t reach(const Word2Vec& a) {
  const std::int64_t most = a.size < kFarthestLook ? a.size : kFarthestLook;
  return a.window < most ? a.window : most;
}

Words gather(const Word2Vec& a, std::int64_t begin, std::int64_t end, std::int32_t* buffer) {
  const std::int64_t most = reach(a);
  const std::int32_t vocabulary = a.outputs.vocabulary;
  Words words{nullptr, 0, 0, true};
  // Words before the block are found backwards, so they fill the buffer from the middle down.
  std::int32_t* front = buffer + most + 1;
  std::int32_t* back = front;
  const std::int64_t earliest = begin > kFarthestLook ? begin - kFarthestLook : 0;
  for (std::int64_t p = begin - 1, found = 0; p >= earliest && a.tokens[p] >= 0 && found < most; --p) {
    if (a.tokens[p] >= vocabulary) return {nullptr, 0, 0, false};
    if (!kept(a, p)) continue;
    *--front = a.tokens[p];
    ++found;
  }
  *--front = kSentenceEnd;
  words.ids = front;
  words.first = back - front;
  for (std::int64_t p = begin; p < end; ++p) {
    const std::int32_t id = a.tokens[p];
    if (id >= vocabulary) return {nullptr, 0, 0, false};
    *back = id < 0 ? kSentenceEnd : id;
    back += id < 0 || kept(a, p);
  }
  words.last = back - front;
  const std::int64_t latest = a.size - end > kFarthestLook ? end + kFarthestLook : a.size;
  for (std::int64_t p = end, found = 0; p < latest && a.tokens[p] >= 0 && found < most; ++p) {
    if (a.tokens[p] >= vocabulary) return {nullptr, 0, 0, false};
    if (!kept(a, p)) continue;
    *back++ = a.tokens[p];
    ++found;
  }
  *back = kSentenceEnd;
  return words;
}

// One centre and all that can be known of it before its turn.
struct Centre {
  std::int64_t at;         // index in Words, words.last when there is none left
  std::int64_t low, high;  // the window: [low, high) without `at`
  NegativeSamples samples;
};

struct Workspace {
  std::int32_t* ids;
  StepBuffers step;
  Centre centres[2];
  float* steps;   // (kMostRows, stride) gradient steps of the inputs, where they cannot go to the rows directly
  float* hidden;  // (stride) CBOW: the window's sum or mean
};

Workspace take_workspace(const Word2Vec& a, Arena& arena) {
  const bool skip_gram = a.skip_gram;
  const auto most = static_cast<std::size_t>(2 * reach(a));
  const std::size_t rows = !skip_gram ? 1 : most < kMostRows ? most : kMostRows;
  Workspace w;
  w.ids = arena.take<std::int32_t>(most + static_cast<std::size_t>(a.longest_block) + 4);
  w.step = take_step_buffers(arena, a.outputs, rows);
  for (auto& centre : w.centres) centre.samples = take_negative_samples(arena, a.outputs);
  w.steps = arena.take<float>(rows * static_cast<std::size_t>(a.stride));
  w.hidden = arena.take<float>(static_cast<std::size_t>(a.stride));
  return w;
}

INLINE void prefetch_row(const float* row, std::int64_t size) {
  for (std::int64_t i = 0; i < size; i += 16) prefetch_write(row + i);
}

// A path's place is in one table, its nodes in another, and their rows in a third: each is asked for in time for the
// next. The rows of the tree's top are always at hand.
INLINE void prefetch_path(const Word2Vec& a, const Words& words, std::int64_t at) {
  constexpr std::int64_t kTop = 6;
  const Outputs& o = a.outputs;
  const std::int64_t* offsets = o.path_offsets + words.ids[at];
  for (std::int64_t k = offsets[0] + kTop; k < offsets[1]; ++k) {
    prefetch_row(o.nodes + o.path_nodes[k] * o.stride, a.padded_size);
  }
  if (at + kRowsAhead >= words.last) return;
  const std::int32_t near = words.ids[at + kPathsAhead], far = words.ids[at + kRowsAhead];
  if (far >= 0) prefetch_read(o.path_offsets + far);
  if (near < 0) return;
  const std::int64_t begin = o.path_offsets[near];
  for (std::int64_t k = 0; k < 32; k += 16) {
    prefetch_read(o.path_nodes + begin + k);
    prefetch_read(o.path_labels + begin + k);
  }
}

// Finds the next centre at or after `at`, draws its window and its negative samples and asks for the rows that they
// need, so that memory works on them while the centre before is trained.
INLINE void prepare(const Word2Vec& a, const Words& words, std::int64_t at, Stream& random, Centre& centre) {
  while (at < words.last && words.ids[at] < 0) ++at;
  centre.at = at;
  if (at == words.last) return;
  std::int64_t size = reach(a);
  const std::uint64_t draw = random.next();
  if (a.shrink_windows) {
    const auto widest = static_cast<std::uint32_t>(a.window < UINT32_MAX ? a.window : UINT32_MAX);
    const std::int64_t drawn = 1 + static_cast<std::int64_t>(below(widest, draw));
    size = drawn < size ? drawn : size;
  }
  centre.low = centre.high = at;
  while (centre.low > at - size && words.ids[centre.low - 1] >= 0) --centre.low;
  while (centre.high < at + size && words.ids[centre.high + 1] >= 0) ++centre.high;
  ++centre.high;
  if (a.outputs.negative > 0) {
    draw_negative_samples(a.outputs, words.ids[at], random, centre.samples);
    for (int k = 0; k < centre.samples.count; ++k) {
      prefetch_row(a.outputs.rows + centre.samples.ids[k] * a.outputs.stride, a.padded_size);
    }
  }
  if (a.outputs.hierarchical) prefetch_path(a, words, at);
  const std::int64_t ahead = at + kRowsAhead;
  if (ahead < words.last && words.ids[ahead] >= 0) prefetch_row(a.input + words.ids[ahead] * a.stride, a.padded_size);
}

INLINE void clear(float* row, std::int64_t size) {
  for (std::int64_t i = 0; i < size; i += W) store(row + i, F{});
}

// row += factor * step
INLINE void add_scaled(float* row, const float* step, float factor, std::int64_t size) {
  const F f = splat(factor);
  for (std::int64_t i = 0; i < size; i += W) store(row + i, load(row + i) + f * load(step + i));
}

void train_outputs(const Word2Vec& a, const Centre& centre, std::int32_t word, const Inputs& in, float alpha,
                   Workspace& w, TrainingTotals& totals) {
  const auto size = static_cast<std::size_t>(a.padded_size);
  if (a.outputs.hierarchical) {
    train_hierarchical_softmax(a.outputs, word, in, size, alpha, a.compute_loss, w.step, totals);
  }
  if (a.outputs.negative > 0) {
    train_negative_sampling(a.outputs, centre.samples, in, size, alpha, a.compute_loss, w.step, totals);
  }
  if (a.outputs.softmax) train_softmax(a.outputs, word, in, size, alpha, a.compute_loss, w.step, totals);
  totals.predictions += in.count;
}

// Skip-gram: every word of the window predicts the centre; all of them share the centre's negative samples.
void train_skip_gram(const Word2Vec& a, const Words& words, const Centre& centre, float alpha, Workspace& w,
                     TrainingTotals& totals) {
  const bool direct = !a.lock && !a.outputs.softmax && !(a.outputs.hierarchical && a.outputs.negative > 0) &&
                      most_outputs(a.outputs) <= static_cast<std::size_t>(kBlockColumns);
  std::int64_t at = centre.low;
  while (at < centre.high) {
    std::int32_t ids[kMostRows];
    int count = 0;
    for (; at < centre.high && count < kMostRows; ++at) {
      if (at == centre.at) continue;
      float* row = a.input + words.ids[at] * a.stride;
      ids[count] = words.ids[at];
      w.step.a[count] = row;
      w.step.step[count] = direct ? row : w.steps + count * a.stride;
      ++count;
    }
    if (count == 0) break;
    if (!direct) clear(w.steps, count * a.stride);
    train_outputs(a, centre, words.ids[centre.at], {count, w.step.a, w.step.step}, alpha, w, totals);
    if (direct) continue;
    for (int m = 0; m < count; ++m) {
      const float factor = a.lock ? a.lock[ids[m]] : 1.0f;
      add_scaled(a.input + ids[m] * a.stride, w.steps + m * a.stride, factor, a.padded_size);
    }
  }
}

// CBOW: the mean (or sum) of the window predicts the centre. As in word2vec and gensim the words of a mean each get
// the whole step of the mean, and those of a sum its 1/count.
void train_cbow(const Word2Vec& a, const Words& words, const Centre& centre, float alpha, Workspace& w,
                TrainingTotals& totals) {
  const std::int64_t count = centre.high - centre.low - 1;
  if (count == 0) return;
  const float share = 1.0f / static_cast<float>(count);
  for (std::int64_t i = 0; i < a.padded_size; i += W) {
    F total{};
    for (std::int64_t at = centre.low; at < centre.high; ++at) {
      if (at != centre.at) total += load(a.input + words.ids[at] * a.stride + i);
    }
    store(w.hidden + i, a.mean ? total * splat(share) : total);
    store(w.steps + i, F{});
  }
  w.step.a[0] = w.hidden;
  w.step.step[0] = w.steps;
  train_outputs(a, centre, words.ids[centre.at], {1, w.step.a, w.step.step}, alpha, w, totals);
  for (std::int64_t at = centre.low; at < centre.high; ++at) {
    if (at == centre.at) continue;
    const float factor = (a.mean ? 1.0f : share) * (a.lock ? a.lock[words.ids[at]] : 1.0f);
    add_scaled(a.input + words.ids[at] * a.stride, w.steps, factor, a.padded_size);
  }
}

void word2vec(const Word2Vec& a, std::int64_t begin, std::int64_t end, float alpha, void* workspace,
              TrainingTotals& totals) {
  Arena arena{static_cast<char*>(workspace)};
  Workspace w = take_workspace(a, arena);
  *w.step.probe = F{};
  const Words words = gather(a, begin, end, w.ids);
  if (!words.valid) {
    totals.unknown_token = true;
    return;
  }
  Stream random{mix(a.key ^ mix(static_cast<std::uint64_t>(begin)))};
  int turn = 0;
  prepare(a, words, words.first, random, w.centres[0]);
  while (w.centres[turn].at < words.last) {
    const Centre& centre = w.centres[turn];
    turn ^= 1;
    prepare(a, words, centre.at + 1, random, w.centres[turn]);
    if (a.skip_gram) {
      train_skip_gram(a, words, centre, alpha, w, totals);
    } else {
      train_cbow(a, words, centre, alpha, w, totals);
    }
    ++totals.kept;
  }
  const float probe = sum(*w.step.probe);
  if (!(probe - probe == 0)) totals.diverged = true;
}

std::size_t word2vec_workspace(const Word2Vec& a) {
  Arena arena{nullptr};
  take_workspace(a, arena);
  return arena.used;
}

}  // namespace

void fill_word2vec(Kernels& table) {
  table.word2vec = word2vec;
  table.word2vec_workspace = word2vec_workspace;
}

}  // namespace lexigrad::LEXIGRAD_ISA
