// What word vectors are trained on: negative sampling, hierarchical softmax and the full softmax.
//
// Each takes M input rows a (the words of a skip-gram window, or the one mean of a CBOW window), which all predict
// the same word, and makes one step of gradient ascent on the sum of their log likelihoods: every score is taken
// with the rows as they were, then the output rows and the inputs' steps are updated together.
#pragma once

#include "kernels/kernels.h"
#include "kernels/mathfun.h"
#include "kernels/products.h"
#include "kernels/rng.h"
#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// Input rows of one step; longer windows are cut into several. Their steps add up on the output rows, whose scores were
// taken before: with more of them a wide window over a few words would overshoot, where one at a time converges.
constexpr int kMostRows = 16;

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

// The input side of a step.
struct Inputs {
  int count;        // M
  const float** a;  // the rows
  float** step;     // where each row's gradient step is added: the row itself, or a row of its own
};

// What a step needs besides the model.
struct StepBuffers {
  const float** a;
  float** step;
  float** b;
  float* scores;   // (M, N) scores, then gradients
  float* labels;   // (M, N)
  float* weights;  // (M, N)
  float* row_labels;
  float* row_weights;
  F* probe;  // sum of all scores, to see infinities and NaN
};

INLINE std::size_t most_outputs(const Outputs& o) {
  std::size_t n = 1 + static_cast<std::size_t>(o.negative);
  if (o.hierarchical && static_cast<std::size_t>(o.longest_path) > n) n = static_cast<std::size_t>(o.longest_path);
  if (o.softmax) n = static_cast<std::size_t>(o.vocabulary);
  return n;
}

INLINE StepBuffers take_step_buffers(Arena& arena, const Outputs& o, std::size_t rows) {
  const std::size_t n = most_outputs(o);
  const std::size_t cells = rows * n + 2 * W;
  const std::size_t patterned = o.softmax ? 0 : cells;
  StepBuffers s;
  s.a = arena.take<const float*>(rows);
  s.step = arena.take<float*>(rows);
  s.b = arena.take<float*>(n);
  s.scores = arena.take<float>(cells);
  s.labels = arena.take<float>(patterned);
  s.weights = arena.take<float>(patterned);
  s.row_labels = arena.take<float>(n + W);
  s.row_weights = arena.take<float>(n + W);
  s.probe = arena.take<F>(1);
  return s;
}

// Writes `count` copies of row (n floats, readable up to a multiple of W) one after the other.
INLINE void repeat_row(const float* row, int n, int count, float* out) {
  for (int m = 0; m < count; ++m) {
    for (int k = 0; k < n; k += static_cast<int>(W)) store(out + m * n + k, load(row + k));
  }
}

INLINE F keep_first(F v, int count) {
  I lane;
  for (std::size_t i = 0; i < W; ++i) lane[i] = static_cast<int>(i);
  return select(lane < (count - I{}), v, F{});
}

// Binary logistic regression of every input on every output row (Mikolov et al. 2013, eq. 4; Goldberg and Levy 2014):
//   loss = -sum w (label log s(x) + (1 - label) log s(-x)),   x = a . b,   -dloss/dx = w (label - s(x))
// s.row_labels and, where `weighted`, s.row_weights hold label and w of each of the N output rows in s.b.
INLINE void train_logistic(const Inputs& in, int N, std::size_t size, float alpha, bool weighted, bool compute_loss,
                           StepBuffers& s, TrainingTotals& totals) {
  const int M = in.count, count = M * N, step = static_cast<int>(W);
  scores(in.a, M, s.b, N, size, s.scores);
  repeat_row(s.row_labels, N, M, s.labels);
  if (weighted) repeat_row(s.row_weights, N, M, s.weights);
  F probe{}, loss{};
  for (int i = 0; i < count; i += step) {
    const F x = load(s.scores + i), label = load(s.labels + i);
    const F weight = weighted ? load(s.weights + i) : splat(1.0f);
    if (compute_loss) {
      const F sign = splat(1.0f) - splat(2.0f) * label;
      loss += keep_first(weight * softplus(sign * x), count - i);
    }
    probe += keep_first(x, count - i);
    store(s.scores + i, splat(alpha) * weight * (label - sigmoid(x)));
  }
  *s.probe += probe;
  if (compute_loss) totals.loss += static_cast<double>(sum(loss));
  update(in.a, in.step, M, s.b, N, size, s.scores);
}

// A prediction by negative sampling: the word itself and its negative samples, each once with its multiplicity.
struct NegativeSamples {
  int count;          // output rows, the positive one first
  bool weighted;      // some sample was drawn more than once
  std::int32_t* ids;  // (1 + negative)
  float* weights;     // (1 + negative)
};

INLINE NegativeSamples take_negative_samples(Arena& arena, const Outputs& o) {
  const auto n = static_cast<std::size_t>(1 + o.negative);
  NegativeSamples s{0, false, nullptr, nullptr};
  s.ids = arena.take<std::int32_t>(n);
  s.weights = arena.take<float>(n);
  return s;
}

// Draws from the alias table; a draw of the predicted word itself is dropped, as word2vec does.
INLINE void draw_negative_samples(const Outputs& o, std::int32_t word, Stream& random, NegativeSamples& s) {
  s.ids[0] = word;
  s.weights[0] = 1;
  s.count = 1;
  s.weighted = false;
  for (int n = 0; n < o.negative; ++n) {
    const std::uint64_t draw = random.next();
    const std::uint32_t column = below(static_cast<std::uint32_t>(o.vocabulary), draw);
    const AliasEntry entry = o.alias[column];
    const bool stays = static_cast<std::uint32_t>(draw) <= entry.threshold;
    const std::int32_t id = stays ? static_cast<std::int32_t>(column) : entry.alias;
    int k = 0;
    while (k < s.count && s.ids[k] != id) ++k;
    if (k == s.count) {
      s.ids[k] = id;
      s.weights[k] = 1;
      ++s.count;
    } else if (k > 0) {
      s.weights[k] += 1;
      s.weighted = true;
    }
  }
}

INLINE void train_negative_sampling(const Outputs& o, const NegativeSamples& samples, const Inputs& in,
                                    std::size_t size, float alpha, bool compute_loss, StepBuffers& s,
                                    TrainingTotals& totals) {
  for (int k = 0; k < samples.count; ++k) {
    s.b[k] = o.rows + samples.ids[k] * o.stride;
    s.row_labels[k] = k == 0;
    s.row_weights[k] = samples.weights[k];
  }
  train_logistic(in, samples.count, size, alpha, samples.weighted, compute_loss, s, totals);
}

// The word's path through the Huffman tree, one binary decision a node (Morin and Bengio 2005; Mikolov et al. 2013).
INLINE void train_hierarchical_softmax(const Outputs& o, std::int32_t word, const Inputs& in, std::size_t size,
                                       float alpha, bool compute_loss, StepBuffers& s, TrainingTotals& totals) {
  const std::int64_t begin = o.path_offsets[word];
  const int length = static_cast<int>(o.path_offsets[word + 1] - begin);
  if (length == 0) return;  // a vocabulary of one word has nothing to decide
  for (int k = 0; k < length; ++k) {
    s.b[k] = o.nodes + o.path_nodes[begin + k] * o.stride;
    s.row_labels[k] = o.path_labels[begin + k];
  }
  train_logistic(in, length, size, alpha, false, compute_loss, s, totals);
}

// The exact softmax over the vocabulary:  loss = -log p(word),  p = softmax(a . u),  -dloss/dx_w = [w = word] - p_w
INLINE void train_softmax(const Outputs& o, std::int32_t word, const Inputs& in, std::size_t size, float alpha,
                          bool compute_loss, StepBuffers& s, TrainingTotals& totals) {
  const int V = o.vocabulary;
  for (int k = 0; k < V; ++k) s.b[k] = o.rows + k * o.stride;
  scores(in.a, in.count, s.b, V, size, s.scores);
  for (int m = 0; m < in.count; ++m) {
    float* x = s.scores + static_cast<std::int64_t>(m) * V;
    float highest = x[0];
    for (int k = 1; k < V; ++k) highest = x[k] > highest ? x[k] : highest;
    const float target = x[word];
    *s.probe += splat(highest) + splat(target);
    double total = 0;
    for (int k = 0; k < V; k += static_cast<int>(W)) {
      const F e = keep_first(exp(load(x + k) - splat(highest)), V - k);
      total += static_cast<double>(sum(e));
      if (k + static_cast<int>(W) <= V) {
        store(x + k, e);
      } else {
        for (int j = k; j < V; ++j) x[j] = e[j - k];
      }
    }
    if (compute_loss) {
      const float wide = static_cast<float>(total);
      totals.loss +=
          static_cast<double>(highest) - static_cast<double>(target) + static_cast<double>(log(splat(wide))[0]);
    }
    const float scale = -alpha / static_cast<float>(total);
    for (int k = 0; k < V; ++k) x[k] *= scale;
    x[word] += alpha;
  }
  update(in.a, in.step, in.count, s.b, V, size, s.scores);
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
