// AdaGram (Bartunov, Kondrashkin, Osokin and Vetrov 2016, "Breaking sticks and ambiguities with adaptive skip-gram"):
// skip-gram with hierarchical softmax in which every word x has several senses k, each with a vector v_xk.
//
//   beta_xk ~ Beta(1 - d, alpha + k d)      pi_xk = beta_xk (1 - beta_x1) ... (1 - beta_x,k-1)
//   p(y | x, k) = product over the nodes n on y's path of s(+- u_n . v_xk)
//
// Online variational inference, for each centre x with its context words y:
//   log q_k = E log pi_xk + sum_y log p(y | x, k) + const
//   v and u ascend sum_k q_k sum_y log p(y | x, k);   n_xk += rate (q_k N_x - n_xk)
// with N_x the occurrences of x and n_xk those of sense k. The paper trains one context word after the other; here a
// window's paths, which share their nodes near the root, are trained in one step.
#include "kernels/kernels.h"
#include "kernels/objectives.h"
#include "kernels/rng.h"
#include "kernels/simd.h"
#include "kernels/windows.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr std::int64_t kCentresBetweenMerges = 64;
constexpr std::int64_t kFarAhead = 3;  // words from when the place of a path is asked for to when its nodes are

// The nodes on the paths of some context words, each once.
struct Targets {
  int count;
  int contexts;
  std::int32_t* nodes;
  float** rows;
  float* visits;  // paths through the node
  float* lefts;   // paths that go left there
};

struct Workspace {
  std::int32_t* ids;
  Nodes nodes;
  Targets targets;
  std::int32_t* places;  // (vocabulary - 1) 1 + a node's place among the targets; 0 for none
  float* scores;         // (prototypes, targets) scores, then gradients
  const float** senses;  // rows of the centre's senses
  float** active;        // and of those that take a step
  float* evidence;       // log p(context | sense)
  float* q;              // log probabilities of the senses, then probabilities
  float *stay, *pass;    // parameters of the sticks' distributions, then E log beta and E log(1 - beta)
  Ahead ahead;
  F* probe;
};

INLINE std::size_t most_targets(const Outputs& o) {
  const std::int64_t nodes = o.vocabulary - 1, visits = std::int64_t{kMostPredictions} * o.longest_path;
  return static_cast<std::size_t>(visits < nodes ? visits : nodes);
}

Workspace take_workspace(const AdaGram& a, Arena& arena) {
  const std::size_t most = most_targets(a.outputs);
  const auto padded = static_cast<std::size_t>(padded_columns(static_cast<int>(most)));
  const auto senses = static_cast<std::size_t>(a.prototypes), lanes = (senses + W - 1) / W * W;
  Workspace w;
  w.ids = arena.take<std::int32_t>(most_gathered(a.corpus));
  w.nodes = take_nodes(arena, a.outputs, a.several_workers);
  w.targets.nodes = arena.take<std::int32_t>(most);
  w.targets.rows = arena.take<float*>(most);
  w.targets.visits = arena.take<float>(padded);
  w.targets.lefts = arena.take<float>(padded);
  w.places = arena.take<std::int32_t>(static_cast<std::size_t>(a.outputs.vocabulary - 1));
  w.scores = arena.take<float>(senses * padded);
  w.senses = arena.take<const float*>(senses);
  w.active = arena.take<float*>(senses);
  w.evidence = arena.take<float>(senses);
  w.q = arena.take<float>(lanes);
  w.stay = arena.take<float>(lanes);
  w.pass = arena.take<float>(lanes);
  w.ahead.rows = arena.take<const float*>(senses + static_cast<std::size_t>(a.outputs.longest_path));
  w.probe = arena.take<F>(1);
  return w;
}

// The logarithm's derivative of the gamma function, x > 0: an asymptotic series at x + 6, and psi(x) = psi(x + 1) -
// 1/x.
INLINE F digamma(F x) {
  F below{};
  for (int i = 0; i < 6; ++i) below += splat(1.0f) / (x + splat(static_cast<float>(i)));
  const F y = x + splat(6.0f), r = splat(1.0f) / y, s = r * r;
  const F series = s * (splat(1.0f / 12) - s * (splat(1.0f / 120) - s * splat(1.0f / 252)));
  return log(y) - splat(0.5f) * r - series - below;
}

// q = E log pi under beta_k ~ Beta(1 - d + n_k, alpha + k d + sum_{r > k} n_r); the last stick takes what is left.
INLINE void expected_log_pi(const AdaGram& a, const float* n, Workspace& w) {
  const int last = a.prototypes - 1;
  float later = 0;
  for (int k = last; k >= 0; --k) {
    w.stay[k] = 1 - a.d + n[k];
    w.pass[k] = a.alpha + static_cast<float>(k + 1) * a.d + later;
    later += n[k];
  }
  for (int k = 0; k < last; k += static_cast<int>(W)) {
    const F stay = load(w.stay + k), pass = load(w.pass + k), both = digamma(stay + pass);
    store(w.stay + k, digamma(stay) - both);
    store(w.pass + k, digamma(pass) - both);
  }
  float passed = 0;
  for (int k = 0; k < last; ++k) {
    w.q[k] = w.stay[k] + passed;
    passed += w.pass[k];
  }
  w.q[last] = passed;
}

// The paths of the context words from `at` on, as many as one step takes; returns where the next step begins.
INLINE std::int64_t gather_targets(const AdaGram& a, const Words& words, const Centre& centre, std::int64_t at,
                                   Workspace& w) {
  const Outputs& o = a.outputs;
  Targets& t = w.targets;
  t.count = t.contexts = 0;
  for (; at < centre.high && t.contexts < kMostPredictions; ++at) {
    if (at == centre.at) continue;
    const std::int32_t word = words.ids[at];
    for (std::int64_t step = o.path_offsets[word]; step < o.path_offsets[word + 1]; ++step) {
      const std::int32_t node = o.path_nodes[step];
      std::int32_t& place = w.places[node];
      if (place == 0) {
        t.nodes[t.count] = node;
        t.rows[t.count] = w.nodes.row(node);
        t.visits[t.count] = t.lefts[t.count] = 0;
        place = ++t.count;
      }
      t.visits[place - 1] += 1;
      t.lefts[place - 1] += o.path_labels[step];
    }
    ++t.contexts;
  }
  for (int k = 0; k < t.count; ++k) w.places[t.nodes[k]] = 0;
  for (std::ptrdiff_t k = t.count; k < padded_columns(t.count); ++k) t.visits[k] = t.lefts[k] = 0;
  return at;
}

// sum over the targets of  lefts log s(x) + (visits - lefts) log s(-x)  =  lefts x - visits log(1 + exp(x))
INLINE float log_likelihood(const Targets& t, const float* x, F& probe) {
  F total{};
  for (int k = 0; k < t.count; k += static_cast<int>(W)) {
    const F score = load(x + k), visits = load(t.visits + k);
    total += load(t.lefts + k) * score - visits * softplus(score);
    probe += visits * score;
  }
  return sum(total);
}

// Log probabilities of the senses to probabilities.
INLINE void normalise(float* q, int prototypes) {
  float high = q[0], total = 0;
  for (int k = 1; k < prototypes; ++k) high = q[k] > high ? q[k] : high;
  for (int k = 0; k < prototypes; k += static_cast<int>(W)) store(q + k, exp_or_zero(load(q + k) - splat(high)));
  for (int k = 0; k < prototypes; ++k) total += q[k];
  for (int k = 0; k < prototypes; ++k) q[k] /= total;
}

// Scores to gradient steps, for the senses with a share in this occurrence: moves their rows to the front, notes their
// vectors as `active` and returns how many they are.
INLINE int take_gradients(const AdaGram& a, float* senses, float rate, Workspace& w) {
  const Targets& t = w.targets;
  const std::ptrdiff_t ld = padded_columns(t.count);
  int active = 0;
  for (int k = 0; k < a.prototypes; ++k) {
    if (w.q[k] < a.sense_threshold) continue;
    const F weight = splat(rate * w.q[k]);
    for (std::ptrdiff_t i = 0; i < t.count; i += W) {
      const F s = sigmoid(load(w.scores + k * ld + i));
      store(w.scores + active * ld + i, weight * (load(t.lefts + i) - load(t.visits + i) * s));
    }
    w.active[active++] = senses + k * a.stride;
  }
  return active;
}

void train_senses(const AdaGram& a, float* senses, float rate, Workspace& w) {
  const Targets& t = w.targets;
  const int active = take_gradients(a, senses, rate, w);
  for (int k = 0; k < active; k += kMostRows) {
    const int count = active - k < kMostRows ? active - k : kMostRows;
    update(w.active + k, w.active + k, count, t.rows, t.count, static_cast<std::size_t>(a.padded_size),
           w.scores + k * padded_columns(t.count), w.ahead);
  }
}

// Gathers the next targets and scores every sense on them; returns where the next step begins.
INLINE std::int64_t score_targets(const AdaGram& a, const Words& words, const Centre& centre, std::int64_t at,
                                  Workspace& w) {
  at = gather_targets(a, words, centre, at, w);
  if (w.targets.count > 0) {
    scores(w.senses, a.prototypes, w.targets.rows, w.targets.count, static_cast<std::size_t>(a.padded_size), w.scores);
  }
  return at;
}

void train_centre(const AdaGram& a, const Words& words, const Centre& centre, float rate, Workspace& w,
                  TrainingTotals& totals) {
  const std::int64_t first = std::int64_t{words.ids[centre.at]} * a.prototypes;
  float *senses = a.input + first * a.stride, *occurrences = a.occurrences + first;
  for (int k = 0; k < a.prototypes; ++k) {
    w.senses[k] = senses + k * a.stride;
    w.evidence[k] = 0;
  }
  int steps = 0;
  for (std::int64_t at = centre.low; at < centre.high; ++steps) {
    at = score_targets(a, words, centre, at, w);
    totals.predictions += w.targets.contexts;
    for (int k = 0; k < a.prototypes; ++k) {
      w.evidence[k] += log_likelihood(w.targets, w.scores + k * padded_columns(w.targets.count), *w.probe);
    }
  }
  expected_log_pi(a, occurrences, w);
  for (int k = 0; k < a.prototypes; ++k) w.q[k] += w.evidence[k];
  normalise(w.q, a.prototypes);

  for (std::int64_t at = centre.low; at < centre.high;) {
    at = steps > 1 ? score_targets(a, words, centre, at, w) : centre.high;
    if (w.targets.count > 0) train_senses(a, senses, rate, w);
  }
  const float all = static_cast<float>(a.counts[words.ids[centre.at]]), share = rate < 1 ? rate : 1;
  for (int k = 0; k < a.prototypes; ++k) {
    occurrences[k] += share * (w.q[k] * all - occurrences[k]);
    if (a.compute_loss) totals.loss -= static_cast<double>(w.q[k] * w.evidence[k]);
  }
}

// Notes the rows that the next centre will need, so that memory works on them while this one is trained. Of its
// context words only the last one is new.
INLINE void prepare(const AdaGram& a, const Words& words, std::int64_t next, Workspace& w) {
  const Outputs& o = a.outputs;
  w.ahead.count = 0;
  if (next >= words.last || words.ids[next] < 0) return;
  const std::int64_t word = words.ids[next];
  prefetch_read(a.occurrences + word * a.prototypes);
  for (int k = 0; k < a.prototypes; ++k) w.ahead.add(a.input + (word * a.prototypes + k) * a.stride);
  const std::int64_t newest = next + reach(a.corpus), far = newest + kFarAhead;
  if (newest < words.last && words.ids[newest] >= 0) {
    const std::int64_t* path = o.path_offsets + words.ids[newest];
    for (std::int64_t k = path[0]; k < path[1]; ++k) w.ahead.add(w.nodes.row(o.path_nodes[k]));
  }
  if (far < words.last && words.ids[far] >= 0) {
    const std::int64_t begin = o.path_offsets[words.ids[far]];
    prefetch_read(o.path_nodes + begin);
    prefetch_read(o.path_labels + begin);
  }
}

void adagram(const AdaGram& a, std::int64_t begin, std::int64_t end, float alpha, void* workspace,
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
  copy_top(w.nodes);
  for (std::int64_t at = words.first; at < words.last; ++at) {
    if (words.ids[at] < 0) continue;
    Centre centre{at, at, at};
    find_window(a.corpus, words, random, centre);
    prepare(a, words, at + 1, w);
    train_centre(a, words, centre, alpha, w, totals);
    if (++totals.kept % kCentresBetweenMerges == 0) merge_top(w.nodes);
  }
  merge_top(w.nodes);
  const float probe = sum(*w.probe);
  if (!(probe - probe == 0)) totals.diverged = true;
}

std::size_t adagram_workspace(const AdaGram& a) {
  Arena arena{nullptr};
  take_workspace(a, arena);
  return arena.used;
}

}  // namespace

void fill_adagram(Kernels& table) {
  table.adagram = adagram;
  table.adagram_workspace = adagram_workspace;
}

}  // namespace lexigrad::LEXIGRAD_ISA
