// What word vectors are trained on: negative sampling, hierarchical softmax and the full softmax.
//
// Each takes M input rows a (the words of skip-gram windows, or the means of CBOW windows), which predict one word or
// a few neighbouring ones, and makes one step of gradient ascent on the sum of their log likelihoods: every score is
// taken with the rows as they were, then the output rows and the inputs' steps are updated together.
#pragma once

#include "kernels/kernels.h"
#include "kernels/mathfun.h"
#include "kernels/products.h"
#include "kernels/rng.h"
#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// Parts of a thread's workspace, taken one after the other.
struct Arena {
  char* base;  // null while the size is being computed
  std::size_t used = 0;

  template <typename T>
  T* take(std::size_t count) {
    T* part = base ? reinterpret_cast<T*>(base + used) : nullptr;
    used += (count * sizeof(T) + 63) / 64 * 64;
    return part;
  }
};

// Neighbouring centres that are trained in one step and share their negative samples: a third of the samples to draw
// and to fetch, and larger products, at the same quality. (Ji et al. 2016 share them within a window.) With the usual
// five samples a step has eight output rows, which fill the blocks of products.h.
constexpr int kShared = 3;
constexpr int kSharedByMeans = 2;  // CBOW makes one prediction a centre, and solves fewer analogies with three

// Predictions of one skip-gram step; longer windows are cut into several, like those of more than kMostRows words. The
// gradients add up on rows whose scores were taken before: with more of them a wide window over a few words would
// overshoot, where one at a time converges.
constexpr int kMostPredictions = 30;

// The same for negative samples, which fall on the same few rows where there are few words: so many a row at most.
constexpr std::int64_t kMostSamplesOfRow = 16;

INLINE int most_predictions(const Outputs& o) {
  const std::int64_t samples = kMostSamplesOfRow * o.vocabulary;
  if (samples >= kMostPredictions * std::int64_t{1 + o.negative}) return kMostPredictions;
  const std::int64_t most = samples / (1 + o.negative);
  return most > kShared ? static_cast<int>(most) : kShared;
}

// The input side of a step.
struct Inputs {
  int count;                 // M
  std::int64_t predictions;  // the sum of their times
  const float** a;           // the rows, each once
  float** step;              // where each row's gradient step is added: the row itself, or a row of its own
  float (*times)[kShared];   // how often each row predicts each of the step's centres
};

// The vectors of the Huffman tree's inner nodes. Every path begins at the top of the tree, so where several workers
// train, its rows would move from core to core at every step: each worker has copies of its own of those, and adds what
// it has changed to the model now and then.
struct Nodes {
  float* rows;
  std::ptrdiff_t stride;
  std::int32_t first;  // nodes from here on, the nearest to the root, have copies
  std::int32_t copies;
  float* own;     // (copies, stride)
  float* before;  // (copies, stride) the model's rows when they were last copied

  INLINE float* row(std::int32_t node) const {
    return node < first ? rows + node * stride : own + (node - first) * stride;
  }
};

constexpr std::int32_t kCopies = 64;  // nearly half of all that paths visit

INLINE Nodes take_nodes(Arena& arena, const Outputs& o, bool several_workers) {
  const std::int32_t nodes = o.vocabulary - 1;
  const std::int32_t copies = !o.hierarchical || !several_workers ? 0 : nodes < kCopies ? nodes : kCopies;
  Nodes n{o.nodes, o.stride, nodes - copies, copies, nullptr, nullptr};
  n.own = arena.take<float>(static_cast<std::size_t>(copies * o.stride));
  n.before = arena.take<float>(static_cast<std::size_t>(copies * o.stride));
  return n;
}

INLINE void copy_top(const Nodes& n) {
  if (n.copies == 0) return;
  const float* model = n.rows + n.first * n.stride;
  for (std::ptrdiff_t i = 0; i < n.copies * n.stride; i += W) {
    const F row = load(model + i);
    store(n.own + i, row);
    store(n.before + i, row);
  }
}

// model += own - before, after which all three are the same.
INLINE void merge_top(const Nodes& n) {
  if (n.copies == 0) return;
  float* model = n.rows + n.first * n.stride;
  for (std::ptrdiff_t i = 0; i < n.copies * n.stride; i += W) {
    const F row = load(model + i) + (load(n.own + i) - load(n.before + i));
    store(model + i, row);
    store(n.own + i, row);
    store(n.before + i, row);
  }
}

// What a step needs besides the model.
struct StepBuffers {
  Nodes nodes;
  float** b;
  float* scores;            // (M, N) scores, then gradients
  float* weights[kShared];  // (N) for each centre: how often an input that predicts it meets each output row
  float* labels[kShared];   // (N) for each centre: 1 for what it predicts, 0 for another
  Ahead ahead;
  bool frozen;
  F* probe;  // sum of all scores, to see infinities and NaN
};

INLINE std::size_t most_outputs(const Outputs& o) {
  std::size_t n = kShared + static_cast<std::size_t>(o.negative);
  if (o.hierarchical && static_cast<std::size_t>(o.longest_path) > n) n = static_cast<std::size_t>(o.longest_path);
  if (o.softmax || o.one_vs_all) n = static_cast<std::size_t>(o.vocabulary);
  return n;
}

INLINE StepBuffers take_step_buffers(Arena& arena, const Outputs& o, std::size_t rows, bool several_workers) {
  const std::size_t n = most_outputs(o);
  const auto padded = static_cast<std::size_t>(padded_columns(static_cast<int>(n)));
  StepBuffers s;
  s.nodes = take_nodes(arena, o, several_workers);
  s.b = arena.take<float*>(n);
  s.scores = arena.take<float>(rows * padded);
  for (auto& weights : s.weights) weights = arena.take<float>(o.softmax ? 0 : padded);
  for (auto& labels : s.labels) labels = arena.take<float>(o.softmax ? 0 : padded);
  s.ahead.rows = arena.take<const float*>(kShared * (n + 1 + static_cast<std::size_t>(o.longest_path)));
  s.frozen = o.frozen;
  s.probe = arena.take<F>(1);
  return s;
}

INLINE F keep_first(F v, int count) {
  I lane;
  for (std::size_t i = 0; i < W; ++i) lane[i] = static_cast<int>(i);
  return select(lane < (count - I{}), v, F{});
}

// 1 in the first `count` lanes, 0 in the others.
INLINE F lanes_below(int count) { return keep_first(splat(1.0f), count); }

// Adds the gradients that stand in the place of the scores to the inputs' steps, and to the N output rows.
INLINE void apply_gradients(const Inputs& in, int N, std::size_t size, StepBuffers& s) {
  if (s.frozen) {
    accumulate(in.step, in.count, s.b, N, size, s.scores, s.ahead);
  } else {
    update(in.a, in.step, in.count, s.b, N, size, s.scores, s.ahead);
  }
}

// Binary logistic regression of every input on every output row (Mikolov et al. 2013, eq. 4; Goldberg and Levy 2014):
//   loss = -sum w (label log s(x) + (1 - label) log s(-x)),   x = a . b,   -dloss/dx = sum w label - s(x) sum w
// over the first `centres` centres c, with label s.labels[c][k] and weight w = times[m][c] s.weights[c][k] of input m
// and output k. The N output rows stand in s.b.
INLINE void train_logistic(const Inputs& in, int centres, int N, std::size_t size, float alpha, bool compute_loss,
                           StepBuffers& s, TrainingTotals& totals) {
  const std::ptrdiff_t ld = padded_columns(N);
  scores(in.a, in.count, s.b, N, size, s.scores);
  F probe{}, loss{};
  for (std::ptrdiff_t k = 0; k < N; k += W) {
    for (int m = 0; m < in.count; ++m) {
      float* at = s.scores + m * ld + k;
      const F x = load(at);
      F weight{}, positive{};
      for (int c = 0; c < centres; ++c) {
        const F w = splat(in.times[m][c]) * load(s.weights[c] + k);
        weight += w;
        positive += w * load(s.labels[c] + k);
      }
      if (compute_loss) loss += weight * softplus(x) - positive * x;
      probe += weight * x;
      store(at, splat(alpha) * (positive - weight * sigmoid(x)));
    }
  }
  *s.probe += probe;
  if (compute_loss) totals.loss += static_cast<double>(sum(loss));
  apply_gradients(in, N, size, s);
}

// What neighbouring centres are predicted against: their own words and their negative samples, each row once.
struct NegativeSamples {
  std::uint64_t* draws;   // (negative)
  int count;              // output rows
  int positive[kShared];  // which of them is each centre's
  std::int32_t* ids;      // (kShared + negative)
  float* times;           // (kShared + negative) how often each was drawn
};

INLINE NegativeSamples take_negative_samples(Arena& arena, const Outputs& o) {
  const auto n = static_cast<std::size_t>(o.negative);
  NegativeSamples s{};
  s.draws = arena.take<std::uint64_t>(n);
  s.ids = arena.take<std::int32_t>(kShared + n);
  s.times = arena.take<float>(kShared + n);
  return s;
}

INLINE std::uint32_t alias_column(const Outputs& o, std::uint64_t draw) {
  return below(static_cast<std::uint32_t>(o.vocabulary), draw);
}

// Draws the random numbers and asks for the entries of the alias table that they will need.
INLINE void draw_negative_samples(const Outputs& o, Stream& random, NegativeSamples& s) {
  for (int n = 0; n < o.negative; ++n) {
    s.draws[n] = random.next();
    prefetch_read(o.alias + alias_column(o, s.draws[n]));
  }
}

// A few different ids. Most are new when they come: a bit for each tells so at once.
struct IdSet {
  std::int32_t* ids;
  int count = 0;
  std::uint64_t seen = 0;

  // The place of an id, or `count`.
  INLINE int place_of(std::int32_t id) const {
    if (!(seen & bit(id))) return count;
    int place = 0;
    while (place < count && ids[place] != id) ++place;
    return place;
  }
  INLINE void add(std::int32_t id) {
    ids[count++] = id;
    seen |= bit(id);
  }

 private:
  INLINE static std::uint64_t bit(std::int32_t id) { return std::uint64_t{1} << (static_cast<std::uint32_t>(id) % 64); }
};

// Looks the draws up in the alias table.
INLINE void find_negative_samples(const Outputs& o, const std::int32_t* words, int centres, NegativeSamples& s) {
  IdSet found{s.ids};
  for (int c = 0; c < centres; ++c) {
    s.positive[c] = found.place_of(words[c]);
    if (s.positive[c] == found.count) {
      s.times[found.count] = 0;
      found.add(words[c]);
    }
  }
  for (int n = 0; n < o.negative; ++n) {
    const std::uint32_t column = alias_column(o, s.draws[n]);
    const AliasEntry entry = o.alias[column];
    const bool stays = static_cast<std::uint32_t>(s.draws[n]) <= entry.threshold;
    const std::int32_t id = stays ? static_cast<std::int32_t>(column) : entry.alias;
    const int k = found.place_of(id);
    if (k == found.count) {
      found.add(id);
      s.times[k] = 1;
    } else {
      s.times[k] += 1;
    }
  }
  s.count = found.count;
}

INLINE void train_negative_sampling(const Outputs& o, const NegativeSamples& samples, int centres, const Inputs& in,
                                    std::size_t size, float alpha, bool compute_loss, StepBuffers& s,
                                    TrainingTotals& totals) {
  const int N = samples.count;
  for (int k = 0; k < N; ++k) s.b[k] = o.rows + samples.ids[k] * o.stride;
  for (int c = 0; c < centres; ++c) {
    for (int k = 0; k < N; ++k) s.weights[c][k] = samples.times[k];
    for (std::ptrdiff_t k = 0; k < padded_columns(N); ++k) s.labels[c][k] = 0;
    for (std::ptrdiff_t k = N; k < padded_columns(N); ++k) s.weights[c][k] = 0;
    // A draw of the very word to predict is dropped, as word2vec does.
    s.weights[c][samples.positive[c]] = s.labels[c][samples.positive[c]] = 1;
  }
  train_logistic(in, centres, N, size, alpha, compute_loss, s, totals);
}

// A word's path through the Huffman tree, one binary decision a node (Morin and Bengio 2005; Mikolov et al. 2013).
INLINE void train_hierarchical_softmax(const Outputs& o, std::int32_t word, const Inputs& in, std::size_t size,
                                       float alpha, bool compute_loss, StepBuffers& s, TrainingTotals& totals) {
  const std::int64_t begin = o.path_offsets[word];
  const int length = static_cast<int>(o.path_offsets[word + 1] - begin);
  if (length == 0) return;  // a vocabulary of one word has nothing to decide
  for (int k = 0; k < length; ++k) {
    s.b[k] = s.nodes.row(o.path_nodes[begin + k]);
    s.labels[0][k] = o.path_labels[begin + k];
  }
  for (std::ptrdiff_t k = 0; k < length; k += W) {
    store(s.weights[0] + k, lanes_below(length - static_cast<int>(k)));
  }
  train_logistic(in, 1, length, size, alpha, compute_loss, s, totals);
}

// Every word of the vocabulary for itself, as it is or is not to be predicted: the labels stand in s.labels[0].
INLINE void train_one_vs_all(const Outputs& o, const Inputs& in, std::size_t size, float alpha, bool compute_loss,
                             StepBuffers& s, TrainingTotals& totals) {
  for (int k = 0; k < o.vocabulary; ++k) s.b[k] = o.rows + k * o.stride;
  for (std::ptrdiff_t k = 0; k < o.vocabulary; k += W) {
    store(s.weights[0] + k, lanes_below(o.vocabulary - static_cast<int>(k)));
  }
  train_logistic(in, 1, o.vocabulary, size, alpha, compute_loss, s, totals);
}

// The exact softmax over the vocabulary:  loss = -log p(word),  p = softmax(a . u),  -dloss/dx_w = [w = word] - p_w
INLINE void train_softmax(const Outputs& o, std::int32_t word, const Inputs& in, std::size_t size, float alpha,
                          bool compute_loss, StepBuffers& s, TrainingTotals& totals) {
  const int V = o.vocabulary;
  for (int k = 0; k < V; ++k) s.b[k] = o.rows + k * o.stride;
  scores(in.a, in.count, s.b, V, size, s.scores);
  for (int m = 0; m < in.count; ++m) {
    float* x = s.scores + m * padded_columns(V);
    const float times = in.times[m][0];
    float highest = x[0];
    for (int k = 1; k < V; ++k) highest = x[k] > highest ? x[k] : highest;
    const float target = x[word];
    *s.probe += splat(highest) + splat(target);
    double total = 0;
    for (int k = 0; k < V; k += static_cast<int>(W)) {
      const F e = keep_first(exp(load(x + k) - splat(highest)), V - k);
      total += static_cast<double>(sum(e));
      store(x + k, e);
    }
    if (compute_loss) {
      const double log_total = static_cast<double>(log(splat(static_cast<float>(total)))[0]);
      totals.loss += static_cast<double>(times) * (static_cast<double>(highest - target) + log_total);
    }
    const float scale = -alpha * times / static_cast<float>(total);
    for (int k = 0; k < V; ++k) x[k] *= scale;
    x[word] += alpha * times;
  }
  apply_gradients(in, V, size, s);
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
