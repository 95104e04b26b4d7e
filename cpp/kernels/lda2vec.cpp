// lda2vec (Moody 2016, "Mixing Dirichlet topic models and word embeddings to make lda2vec"): skip-gram with negative
// sampling in which a word predicts its neighbours together with its document.
//
//   c = v_word + d,   d = sum_k p_k t_k,   p = softmax(document's weights)
//   maximise  sum over context words y [log s(u_y . c) + sum over negative samples n of log s(-u_n . c)]
//             + strength * sum_k (prior - 1) log p_k   for each document
//
// The context words of a centre share their negative samples (Ji et al. 2016). A document's vector stays as it is for a
// stretch of centres, whose gradients then go to the topics and the document's weights together:
//   t_k += p_k g,   weight_k += document_rate p_k (t_k . g - sum_l p_l t_l . g),   g = the stretch's step of c
#include "kernels/kernels.h"
#include "kernels/objectives.h"
#include "kernels/rng.h"
#include "kernels/simd.h"
#include "kernels/windows.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr int kStretch = 32;  // centres

// Some context words of a centre and the negative samples they share, each row once.
struct Targets {
  int count;
  int contexts;
  std::int32_t* ids;
  float** rows;
  float* visits;     // how often the row is predicted, or predicted not to be
  float* positives;  // how often it is
};

struct Workspace {
  std::int32_t* ids;
  Targets targets;
  float* scores;    // (targets) scores, then gradients
  float* document;  // (stride) d
  float* hidden;    // (stride) c
  float* step;      // (stride) the step of c
  float* total;     // (stride) those of a stretch
  float* p;         // (topics)
  float* along;     // (topics) t_k . total
  Ahead ahead;
  F* probe;
};

INLINE std::size_t most_targets(const Outputs& o) {
  return static_cast<std::size_t>(kMostPredictions) + static_cast<std::size_t>(o.negative);
}

Workspace take_workspace(const Lda2Vec& a, Arena& arena) {
  const std::size_t most = most_targets(a.outputs);
  const auto padded = static_cast<std::size_t>(padded_columns(static_cast<int>(most)));
  const auto stride = static_cast<std::size_t>(a.stride), topics = static_cast<std::size_t>(a.topics);
  Workspace w;
  w.ids = arena.take<std::int32_t>(most_gathered(a.corpus));
  w.targets.ids = arena.take<std::int32_t>(most);
  w.targets.rows = arena.take<float*>(most);
  w.targets.visits = arena.take<float>(padded);
  w.targets.positives = arena.take<float>(padded);
  w.scores = arena.take<float>(padded);
  w.document = arena.take<float>(stride);
  w.hidden = arena.take<float>(stride);
  w.step = arena.take<float>(stride);
  w.total = arena.take<float>(stride);
  w.p = arena.take<float>((topics + W - 1) / W * W);
  w.along = arena.take<float>(topics);
  w.ahead.rows = arena.take<const float*>(most);
  w.probe = arena.take<F>(1);
  return w;
}

INLINE float product(const float* a, const float* b, std::int64_t size) {
  F total{};
  for (std::int64_t i = 0; i < size; i += W) total += load(a + i) * load(b + i);
  return sum(total);
}

// row += factor * other
INLINE void add(float* row, const float* other, float factor, std::int64_t size) {
  const F f = splat(factor);
  for (std::int64_t i = 0; i < size; i += W) store(row + i, load(row + i) + f * load(other + i));
}

INLINE void clear(float* row, std::int64_t size) {
  for (std::int64_t i = 0; i < size; i += W) store(row + i, F{});
}

// p = softmax(weights), d = sum_k p_k t_k
void mix_topics(const Lda2Vec& a, const float* weights, Workspace& w) {
  float high = weights[0], total = 0;
  for (int k = 1; k < a.topics; ++k) high = weights[k] > high ? weights[k] : high;
  for (int k = 0; k < a.topics; ++k) w.p[k] = weights[k] - high;
  for (int k = 0; k < a.topics; k += static_cast<int>(W)) store(w.p + k, exp(load(w.p + k)));
  for (int k = 0; k < a.topics; ++k) total += w.p[k];
  clear(w.document, a.padded_size);
  for (int k = 0; k < a.topics; ++k) {
    w.p[k] /= total;
    add(w.document, a.topic_vectors + k * a.stride, w.p[k], a.padded_size);
  }
}

INLINE void add_target(const Outputs& o, std::int32_t id, float positive, float visits, IdSet& found, Targets& t) {
  const int k = found.place_of(id);
  if (k == found.count) {
    found.add(id);
    t.rows[k] = o.rows + id * o.stride;
    t.visits[k] = t.positives[k] = 0;
  }
  t.visits[k] += visits;
  t.positives[k] += positive;
}

// The context words from `at` on, as many as one step takes, and their negative samples; a draw of one of them is
// dropped. Returns where the next step begins.
INLINE std::int64_t gather_targets(const Lda2Vec& a, const Words& words, const Centre& centre, std::int64_t at,
                                   Stream& random, Targets& t) {
  const Outputs& o = a.outputs;
  IdSet found{t.ids};
  t.contexts = 0;
  for (; at < centre.high && t.contexts < kMostPredictions; ++at) {
    if (at == centre.at) continue;
    add_target(o, words.ids[at], 1, 1, found, t);
    ++t.contexts;
  }
  t.count = found.count;
  if (t.contexts == 0) return at;
  const int positives = found.count;
  for (int n = 0; n < o.negative; ++n) {
    const std::uint64_t draw = random.next();
    const std::uint32_t column = alias_column(o, draw);
    const bool stays = static_cast<std::uint32_t>(draw) <= o.alias[column].threshold;
    const std::int32_t id = stays ? static_cast<std::int32_t>(column) : o.alias[column].alias;
    const int k = found.place_of(id);
    if (k == found.count || k >= positives) add_target(o, id, 0, static_cast<float>(t.contexts), found, t);
  }
  t.count = found.count;
  for (std::ptrdiff_t k = t.count; k < padded_columns(t.count); ++k) t.visits[k] = t.positives[k] = 0;
  return at;
}

void train_centre(const Lda2Vec& a, const Words& words, const Centre& centre, float rate, Stream& random, Workspace& w,
                  TrainingTotals& totals) {
  const auto size = static_cast<std::size_t>(a.padded_size);
  float* vector = a.input + words.ids[centre.at] * a.stride;
  Targets& t = w.targets;
  for (std::int64_t at = centre.low; at < centre.high;) {
    at = gather_targets(a, words, centre, at, random, t);
    if (t.contexts == 0) return;
    for (std::int64_t i = 0; i < a.padded_size; i += W) {
      store(w.hidden + i, load(vector + i) + load(w.document + i));
      store(w.step + i, F{});
    }
    scores(&w.hidden, 1, t.rows, t.count, size, w.scores);
    F loss{};
    for (int k = 0; k < t.count; k += static_cast<int>(W)) {
      const F x = load(w.scores + k), visits = load(t.visits + k), positives = load(t.positives + k);
      if (a.compute_loss) loss += visits * softplus(x) - positives * x;
      *w.probe += visits * x;
      store(w.scores + k, splat(rate) * (positives - visits * sigmoid(x)));
    }
    if (a.compute_loss) totals.loss += static_cast<double>(sum(loss));
    totals.predictions += t.contexts;
    update(&w.hidden, &w.step, 1, t.rows, t.count, size, w.scores, w.ahead);
    add(vector, w.step, 1, a.padded_size);
    add(w.total, w.step, 1, a.padded_size);
  }
}

// A stretch's gradients to the topics and the document's weights; `share` of the prior's.
void train_topics(const Lda2Vec& a, float* weights, float rate, float share, Workspace& w) {
  float mean = 0;
  for (int k = 0; k < a.topics; ++k) {
    float* topic = a.topic_vectors + k * a.stride;
    w.along[k] = product(topic, w.total, a.padded_size);
    mean += w.p[k] * w.along[k];
    add(topic, w.total, w.p[k], a.padded_size);
  }
  const float prior = rate * share * a.strength * (a.prior - 1);
  for (int k = 0; k < a.topics; ++k) {
    const float step = w.p[k] * (w.along[k] - mean) + prior * (1 - static_cast<float>(a.topics) * w.p[k]);
    weights[k] += a.document_rate * step;
  }
}

// The document that the word at a position belongs to: the first whose end is not before it.
std::int64_t document_at(const Lda2Vec& a, std::int64_t position) {
  std::int64_t low = 0, high = a.documents;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (a.ends[middle] < position) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void lda2vec(const Lda2Vec& a, std::int64_t begin, std::int64_t end, float alpha, void* workspace,
             TrainingTotals& totals) {
  Arena arena{static_cast<char*>(workspace)};
  Workspace w = take_workspace(a, arena);
  *w.probe = F{};
  const Words words = gather(a.corpus, begin, end, w.ids);
  if (!words.valid) {
    totals.unknown_token = true;
    return;
  }
  Stream random{mix(a.corpus.key ^ mix(static_cast<std::uint64_t>(begin)))};
  std::int64_t document = document_at(a, begin);
  for (std::int64_t at = words.first; at < words.last;) {
    if (words.ids[at] < 0) {
      ++document;
      ++at;
      continue;
    }
    float* weights = a.weights + document * a.topics;
    clear(w.total, a.padded_size);
    if (a.train_topics) mix_topics(a, weights, w);
    int centres = 0;
    for (; at < words.last && words.ids[at] >= 0 && centres < kStretch; ++at, ++centres) {
      Centre centre{at, at, at};
      find_window(a.corpus, words, random, centre);
      train_centre(a, words, centre, alpha, random, w, totals);
    }
    totals.kept += centres;
    if (!a.train_topics) continue;
    const std::int64_t length = a.ends[document] - (document > 0 ? a.ends[document - 1] + 1 : 0);
    train_topics(a, weights, alpha, static_cast<float>(centres) / static_cast<float>(length), w);
  }
  const float probe = sum(*w.probe);
  if (!(probe - probe == 0)) totals.diverged = true;
}

std::size_t lda2vec_workspace(const Lda2Vec& a) {
  Arena arena{nullptr};
  take_workspace(a, arena);
  return arena.used;
}

}  // namespace

void fill_lda2vec(Kernels& table) {
  table.lda2vec = lda2vec;
  table.lda2vec_workspace = lda2vec_workspace;
}

}  // namespace lexigrad::LEXIGRAD_ISA
