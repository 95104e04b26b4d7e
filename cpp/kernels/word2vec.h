// The steps that word2vec and the models built on it make over a stream of word ids: groups of neighbouring centres,
// rows of a matrix that predict them, means of rows that predict them.
//
// A block of the stream is one unit of work. Window sizes and negative samples come from a random stream that belongs
// to the block, so nothing depends on who trains which block when.
#pragma once

#include "kernels/kernels.h"
#include "kernels/objectives.h"
#include "kernels/rng.h"
#include "kernels/simd.h"
#include "kernels/windows.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr std::int64_t kRowsAhead = 6;  // how far ahead of its turn a context row is prefetched
constexpr std::int64_t kGroupsBetweenMerges = 64;
constexpr std::int64_t kPathsAhead = 3;  // and a path through the Huffman tree

// Neighbouring centres that are trained together, and all that can be known of them before their turn.
struct Group {
  int count;  // 0 where the block has ended
  Centre centres[kShared];
  std::int32_t words[kShared];
  NegativeSamples samples;

  INLINE std::int64_t end() const { return centres[count - 1].at + 1; }
};

struct Workspace {
  std::int32_t* ids;
  StepBuffers step;
  Group groups[3];
  Inputs in;
  std::int32_t* in_ids;  // skip-gram: the words of the inputs' rows
  Inputs part;           // those inputs that predict one centre
  float* steps;          // (rows, stride) gradient steps of the inputs, where they cannot go to the rows directly
  float* hidden;         // (kShared, stride) means: the sums or means of contexts
  float** context;       // (most) means: a context's rows
  float* factors;        // (most) and factors on their updates
};

// Rows that predict: a matrix, and factors on its rows' updates, or null.
struct Predictors {
  float* rows;
  const float* lock;
};

inline Inputs take_inputs(Arena& arena, std::size_t rows) {
  Inputs in{};
  in.a = arena.take<const float*>(rows);
  in.step = arena.take<float*>(rows);
  in.times = arena.take<float[kShared]>(rows);
  return in;
}

// `most` rows of `a.outputs.stride` floats or less make a mean.
inline Workspace take_workspace(const Word2Vec& a, std::size_t most, Arena& arena) {
  const bool means = !a.skip_gram;
  const auto stride = static_cast<std::size_t>(a.outputs.stride);
  const std::size_t rows = means ? kShared : kMostRows;
  Workspace w;
  w.ids = arena.take<std::int32_t>(most_gathered(a.corpus));
  w.step = take_step_buffers(arena, a.outputs, rows, a.several_workers);
  for (auto& group : w.groups) group.samples = take_negative_samples(arena, a.outputs);
  w.in = take_inputs(arena, rows);
  w.in_ids = arena.take<std::int32_t>(rows);
  w.part = take_inputs(arena, rows);
  w.steps = arena.take<float>(rows * stride);
  w.hidden = arena.take<float>(means ? kShared * stride + 16 : 0);
  w.context = arena.take<float*>(means ? most : 0);
  w.factors = arena.take<float>(means ? most : 0);
  return w;
}

// A path's place is in one table, its nodes in another, and their rows in a third: each is asked for in time for the
// next. The rows of the tree's top are always at hand.
INLINE void prepare_path(const Word2Vec& a, const Words& words, std::int64_t at, const Nodes& nodes, Ahead& soon) {
  constexpr std::int64_t kTop = 6;
  const Outputs& o = a.outputs;
  const std::int64_t* offsets = o.path_offsets + words.ids[at];
  for (std::int64_t k = offsets[0] + kTop; k < offsets[1]; ++k) soon.add(nodes.row(o.path_nodes[k]));
  if (at + kRowsAhead >= words.last) return;
  const std::int32_t near = words.ids[at + kPathsAhead], far = words.ids[at + kRowsAhead];
  if (far >= 0) prefetch_read(o.path_offsets + far);
  if (near < 0) return;
  for (std::int64_t k = o.path_offsets[near]; k < o.path_offsets[near + 1]; k += 16) {
    prefetch_read(o.path_nodes + k);
    prefetch_read(o.path_labels + k);
  }
}

// Finds the next centres at or after `at` and draws their windows and what their negative samples come from.
INLINE void find(const Word2Vec& a, const Words& words, std::int64_t at, Stream& random, Group& group) {
  group.count = 0;
  const int most = a.skip_gram ? kShared : kSharedByMeans;
  for (; at < words.last && group.count < most; ++at) {
    if (words.ids[at] < 0) continue;
    Centre& centre = group.centres[group.count];
    centre.at = at;
    group.words[group.count] = words.ids[at];
    find_window(a.corpus, words, random, centre);
    ++group.count;
  }
  if (group.count > 0) draw_negative_samples(a.outputs, random, group.samples);
}

// Notes the rows that a group will need, so that memory works on them while the group before is trained.
INLINE void prepare(const Word2Vec& a, const Words& words, Group& group, const Nodes& nodes, Ahead& soon) {
  soon.count = 0;
  if (group.count == 0) return;
  if (a.outputs.negative > 0) {
    find_negative_samples(a.outputs, group.words, group.count, group.samples);
    for (int k = 0; k < group.samples.count; ++k) {
      soon.add(a.outputs.rows + group.samples.ids[k] * a.outputs.stride);
    }
  }
  for (int c = 0; c < group.count; ++c) {
    const std::int64_t at = group.centres[c].at, ahead = at + kRowsAhead;
    if (a.outputs.hierarchical) prepare_path(a, words, at, nodes, soon);
    if (a.input && ahead < words.last && words.ids[ahead] >= 0) soon.add(a.input + words.ids[ahead] * a.stride);
  }
}

INLINE void clear(float* row, std::int64_t size) {
  for (std::int64_t i = 0; i < size; i += W) store(row + i, F{});
}

// row += factor * step
INLINE void add_scaled(float* row, const float* step, float factor, std::int64_t size) {
  const F f = splat(factor);
  for (std::int64_t i = 0; i < size; i += W) store(row + i, load(row + i) + f * load(step + i));
}

// The inputs that predict centre c, with its times first.
INLINE const Inputs& inputs_of(const Inputs& in, int c, Inputs& part) {
  part.count = 0;
  for (int m = 0; m < in.count; ++m) {
    if (in.times[m][c] == 0) continue;
    part.a[part.count] = in.a[m];
    part.step[part.count] = in.step[m];
    part.times[part.count][0] = in.times[m][c];
    ++part.count;
  }
  return part;
}

inline void train_outputs(const Word2Vec& a, const Group& group, const Inputs& in, std::size_t size, float alpha,
                          Workspace& w, TrainingTotals& totals) {
  for (int c = 0; c < group.count && (a.outputs.hierarchical || a.outputs.softmax); ++c) {
    const Inputs& part = inputs_of(in, c, w.part);
    if (part.count == 0) continue;
    if (a.outputs.hierarchical) {
      train_hierarchical_softmax(a.outputs, group.words[c], part, size, alpha, a.compute_loss, w.step, totals);
    }
    if (a.outputs.softmax) {
      train_softmax(a.outputs, group.words[c], part, size, alpha, a.compute_loss, w.step, totals);
    }
  }
  if (a.outputs.negative > 0) {
    train_negative_sampling(a.outputs, group.samples, group.count, in, size, alpha, a.compute_loss, w.step, totals);
  }
  totals.predictions += in.predictions;
}

// The words of the windows from `at` on, each once, as many as one step takes; returns where the next step begins.
INLINE std::int64_t gather_inputs(const Word2Vec& a, const Words& words, const Group& group, std::int64_t at,
                                  std::int64_t high, Workspace& w) {
  Inputs& in = w.in;
  IdSet found{w.in_ids};
  in.predictions = 0;
  const int most = most_predictions(a.outputs);
  for (; at < high; ++at) {
    float times[kShared] = {};
    int predicts = 0;
    for (int c = 0; c < group.count; ++c) {
      const Centre& centre = group.centres[c];
      const bool within = centre.low <= at && at < centre.high && at != centre.at;
      times[c] = within;
      predicts += within;
    }
    if (predicts == 0) continue;
    if (in.predictions + kShared > most) break;
    const int m = found.place_of(words.ids[at]);
    if (m == kMostRows) break;
    if (m == found.count) {
      found.add(words.ids[at]);
      for (int c = 0; c < kShared; ++c) in.times[m][c] = times[c];
    } else {
      for (int c = 0; c < kShared; ++c) in.times[m][c] += times[c];
    }
    in.predictions += predicts;
  }
  in.count = found.count;
  return at;
}

// The rows w.in_ids of a matrix, each once, predict the group's centres w.in.times.
inline void train_rows(const Word2Vec& a, const Predictors& from, const Group& group, float alpha, Workspace& w,
                       TrainingTotals& totals) {
  const bool direct = !from.lock && !(a.outputs.hierarchical && a.outputs.negative > 0);
  for (int m = 0; m < w.in.count; ++m) {
    float* row = from.rows + w.in_ids[m] * a.stride;
    w.in.a[m] = row;
    w.in.step[m] = direct ? row : w.steps + m * a.stride;
  }
  if (!direct) clear(w.steps, w.in.count * a.stride);
  train_outputs(a, group, w.in, static_cast<std::size_t>(a.padded_size), alpha, w, totals);
  for (int m = 0; m < w.in.count && !direct; ++m) {
    const float factor = from.lock ? from.lock[w.in_ids[m]] : 1.0f;
    add_scaled(from.rows + w.in_ids[m] * a.stride, w.steps + m * a.stride, factor, a.padded_size);
  }
}

// Skip-gram: every word of a window predicts the centre.
inline void train_skip_gram(const Word2Vec& a, const Words& words, const Group& group, float alpha, Workspace& w,
                            TrainingTotals& totals) {
  std::int64_t low = group.centres[0].low, high = group.centres[0].high;
  for (int c = 1; c < group.count; ++c) {
    const Centre& centre = group.centres[c];
    low = centre.low < low ? centre.low : low;
    high = centre.high > high ? centre.high : high;
  }
  for (std::int64_t at = low; at < high;) {
    at = gather_inputs(a, words, group, at, high, w);
    if (w.in.count == 0) return;
    train_rows(a, {a.input, a.lock}, group, alpha, w, totals);
  }
}

// What predicts a centre: the first w.context rows, of which the first `learning` are updated, times w.factors. Their
// sum over `divisor` is the mean.
struct Context {
  int count, learning;
  float divisor;

  Context(int count, int learning) : count(count), learning(learning), divisor(static_cast<float>(count)) {}
  Context(int count, float divisor) : count(count), learning(count), divisor(divisor) {}
};

// The rows of a window, with repetitions, behind the first `count` of a context.
INLINE int gather_window(const Word2Vec& a, const Words& words, const Centre& centre, int count, const Workspace& w) {
  for (std::int64_t at = centre.low; at < centre.high; ++at) {
    if (at == centre.at) continue;
    w.factors[count] = a.lock ? a.lock[words.ids[at]] : 1.0f;
    w.context[count++] = a.input + words.ids[at] * a.stride;
  }
  return count;
}

// The mean (or sum) of a context predicts its centre. As in word2vec and gensim the rows of a mean each get the whole
// step of the mean, and those of a sum its 1/count. `gather(c)` finds the context of centre c.
template <typename Gather>
INLINE void train_means(const Word2Vec& a, const Group& group, float alpha, Workspace& w, TrainingTotals& totals,
                        const Gather& gather) {
  int centres[kShared];
  w.in.count = 0;
  for (int c = 0; c < group.count; ++c) {
    const Context context = gather(c);
    if (context.count == 0) continue;
    const int m = w.in.count++;
    centres[m] = c;
    float *hidden = w.hidden + m * a.stride, *step = w.steps + m * a.stride;
    const F factor = splat(a.mean ? 1.0f / context.divisor : 1.0f);
    for (std::int64_t i = 0; i < a.padded_size; i += W) {
      F total{};
      for (int j = 0; j < context.count; ++j) total += load(w.context[j] + i);
      store(hidden + i, total * factor);
      store(step + i, F{});
    }
    w.in.a[m] = hidden;
    w.in.step[m] = step;
    for (int d = 0; d < kShared; ++d) w.in.times[m][d] = d == c;
  }
  if (w.in.count == 0) return;
  w.in.predictions = w.in.count;
  train_outputs(a, group, w.in, static_cast<std::size_t>(a.padded_size), alpha, w, totals);
  for (int m = 0; m < w.in.count; ++m) {
    const Context context = gather(centres[m]);
    const float share = a.mean ? 1.0f : 1.0f / context.divisor;
    for (int j = 0; j < context.learning; ++j) {
      add_scaled(w.context[j], w.in.step[m], share * w.factors[j], a.padded_size);
    }
  }
}

// Trains the block [begin, end) of the corpus: step(words, group) for each group of its centres in turn.
template <typename Step>
INLINE void train_groups(const Word2Vec& a, std::int64_t begin, std::int64_t end, Workspace& w, TrainingTotals& totals,
                         const Step& step) {
  *w.step.probe = F{};
  const Words words = gather(a.corpus, begin, end, w.ids);
  if (!words.valid) {
    totals.unknown_token = true;
    return;
  }
  Stream random{mix(a.corpus.key ^ mix(static_cast<std::uint64_t>(begin)))};
  // Three groups are in the making: one is trained, the rows of the next are fetched, and the draws of the one after.
  copy_top(w.step.nodes);
  std::int64_t trained = 0;
  Group *group = w.groups, *next = group + 1, *later = group + 2;
  next->count = later->count = 0;
  find(a, words, words.first, random, *group);
  if (group->count > 0) find(a, words, group->end(), random, *next);
  prepare(a, words, *group, w.step.nodes, w.step.ahead);
  while (group->count > 0) {
    later->count = 0;
    if (next->count > 0) find(a, words, next->end(), random, *later);
    prepare(a, words, *next, w.step.nodes, w.step.ahead);
    step(words, *group);
    totals.kept += group->count;
    if (++trained % kGroupsBetweenMerges == 0) merge_top(w.step.nodes);
    Group* done = group;
    group = next;
    next = later;
    later = done;
  }
  merge_top(w.step.nodes);
  const float probe = sum(*w.step.probe);
  if (!(probe - probe == 0)) totals.diverged = true;
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
