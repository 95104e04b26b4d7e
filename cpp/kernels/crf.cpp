// Linear-chain conditional random fields (Lafferty, McCallum and Pereira 2001): the logarithm of the partition function
// by the forward algorithm, its gradient by forward and backward, and the best path (Viterbi 1967).
//
// score(y) = start(y_0) + sum_t e_t(y_t) + sum_t A(y_{t-1}, y_t) + end(y_last),  log p(y) = score(y) - log Z
//
// Rows of tags are padded to whole vectors with impossible tags. An impossible score is kImpossible rather than
// -infinity, so that no NaN can come up. Rows of alpha and beta are stored less their greatest value, and these offsets
// are added up in float64, as in ctc.cpp.
#include "kernels/kernels.h"
#include "kernels/rows.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr float kImpossible = -1e30f;
constexpr double kPossible = -1e29;  // a score below this has an impossible step in it

INLINE float possible(float score) { return score > kImpossible ? score : kImpossible; }

// Vector j of a row of K scores, impossible past its end.
INLINE F scores(const float* row, std::int64_t K, std::int64_t j) {
  return max(j + step <= K ? load(row + j) : load_first(row + j, K - j, kImpossible), splat(kImpossible));
}

// Copies a row in pieces of a vector, without its padding.
INLINE void copy_row(float* out, const float* row, std::int64_t K) {
  std::int64_t j = 0;
  for (; j + step <= K; j += step) store(out + j, load(row + j));
  if (j < K) store_first(out + j, load(row + j), K - j);
}

// The sizes and the pieces of a sample's workspace.
class Sample {
 public:
  Sample(const Crf& a, std::int64_t b) : frames(a.lengths[b]), tags(a.K), width((a.K + step - 1) / step * step) {}

  std::int64_t floats() const { return 2 * frames + width * (frames + 3 * tags + 5); }

  void place(const Crf& a, float* workspace) {
    offsets = reinterpret_cast<double*>(workspace);
    rows_ = workspace + 2 * frames;
    transitions = row(frames);
    shares = row(frames + tags);
    terms = row(frames + 2 * tags);
    beta = row(frames + 3 * tags);
    next = beta + width;
    high = next + width;
    total = high + width;
    end = total + width;
    for (std::int64_t i = 0; i < tags; ++i) {
      for (std::int64_t j = 0; j < width; j += step) {
        store(transitions + i * width + j, scores(a.transitions + i * tags, tags, j));
      }
    }
    for (std::int64_t j = 0; j < width; j += step) store(end + j, scores(a.end, tags, j));
  }

  float* row(std::int64_t i) const { return rows_ + i * width; }  // of alpha; in Viterbi of pointers back

  std::int64_t frames, tags, width;
  double* offsets;     // (frames) what was taken from the rows of alpha so far
  float* transitions;  // (tags, width)
  float* shares;       // (tags, width) the transitions' posteriors, added up
  float* terms;        // (tags, width)
  float *beta, *next, *high, *total, *end;

 private:
  float* rows_ = nullptr;
};

std::int64_t crf_workspace(const Crf& a, std::int64_t b) { return Sample(a, b).floats(); }

INLINE const float* frame(const Crf& a, std::int64_t t, std::int64_t b) { return a.emissions + (t * a.B + b) * a.K; }

bool below_infinity(const float* x, std::int64_t size) {
  bool good = true;
  for (std::int64_t i = 0; i < size; ++i) good = good && x[i] < kInfinity;
  return good;
}

// Whether no score is NaN or +infinity.
bool usable(const Crf& a, std::int64_t b) {
  bool good = below_infinity(a.transitions, a.K * a.K) && below_infinity(a.start, a.K) && below_infinity(a.end, a.K);
  for (std::int64_t t = 0; t < a.lengths[b]; ++t) good = good && below_infinity(frame(a, t, b), a.K);
  return good;
}

// Takes a row's greatest value from it, and gives it back.
INLINE float lower(float* row, std::int64_t width) {
  const float high = row_max(row, width);
  for (std::int64_t j = 0; j < width; j += step) store(row + j, load(row + j) - splat(high));
  return high;
}

// row + end, whose greatest value is given back.
INLINE float add_end(const Sample& s, const float* row, float* out) {
  for (std::int64_t j = 0; j < s.width; j += step) store(out + j, load(row + j) + load(s.end + j));
  return row_max(out, s.width);
}

void start_row(const Crf& a, std::int64_t b, const Sample& s, float* row) {
  for (std::int64_t j = 0; j < s.width; j += step) {
    store(row + j, scores(frame(a, 0, b), a.K, j) + scores(a.start, a.K, j));
  }
}

// alpha_0(j) = start(j) + e_0(j),  alpha_t(j) = e_t(j) + log sum_i exp(alpha_{t-1}(i) + A(i, j))
// Returns log Z = log sum_j exp(alpha_last(j) + end(j)).
double forward(const Crf& a, std::int64_t b, const Sample& s) {
  start_row(a, b, s, s.row(0));
  s.offsets[0] = lower(s.row(0), s.width);
  for (std::int64_t t = 1; t < s.frames; ++t) {
    const float* before = s.row(t - 1);
    float* now = s.row(t);
    for (std::int64_t j = 0; j < s.width; j += step) {
      const float* column = s.transitions + j;
      F high = splat(before[0]) + load(column);
      for (std::int64_t i = 1; i < s.tags; ++i) high = max(high, splat(before[i]) + load(column + i * s.width));
      F total{};
      for (std::int64_t i = 0; i < s.tags; ++i) {
        total += exp_or_zero(splat(before[i]) + load(column + i * s.width) - high);
      }
      store(now + j, scores(frame(a, t, b), a.K, j) + high + log(total));
    }
    s.offsets[t] = s.offsets[t - 1] + lower(now, s.width);
  }
  const float high = add_end(s, s.row(s.frames - 1), s.next);
  return s.offsets[s.frames - 1] + high + __builtin_log(exps(s.next, s.width, high, nullptr, s.next));
}

double score_of_tags(const Crf& a, std::int64_t b) {
  const std::int64_t frames = a.lengths[b];
  const auto tag = [&](std::int64_t t) { return a.tags[t * a.B + b]; };
  double score = static_cast<double>(possible(a.start[tag(0)])) + possible(a.end[tag(frames - 1)]);
  for (std::int64_t t = 0; t < frames; ++t) {
    score += possible(frame(a, t, b)[tag(t)]);
    if (t > 0) score += possible(a.transitions[tag(t - 1) * a.K + tag(t)]);
  }
  return score;
}

// beta_last(i) = end(i),  beta_{t-1}(i) = log sum_j exp(A(i, j) + e_t(j) + beta_t(j))
// p(y_t = j) = exp(alpha_t(j) + beta_t(j) - log Z)
// p(y_{t-1} = i, y_t = j) = exp(alpha_{t-1}(i) + A(i, j) + e_t(j) + beta_t(j) - log Z)
// These posteriors are the gradients of log Z with respect to e, and to A after their sum over t.
void backward(const Crf& a, std::int64_t b, const Sample& s, double log_z) {
  fill_row(s.shares, s.tags * s.width, 0);
  for (std::int64_t j = 0; j < s.width; j += step) store(s.beta + j, load(s.end + j));
  double offset = lower(s.beta, s.width);
  for (std::int64_t t = s.frames - 1; t >= 0; --t) {
    const F shift = splat(static_cast<float>(s.offsets[t] + offset - log_z));
    for (std::int64_t j = 0; j < s.width; j += step) {
      store(s.next + j, exp_or_zero(load(s.row(t) + j) + load(s.beta + j) + shift));
    }
    copy_row(a.demissions + (t * a.B + b) * a.K, s.next, a.K);
    if (t == s.frames - 1) copy_row(a.dend + b * a.K, s.next, a.K);
    if (t == 0) {
      copy_row(a.dstart + b * a.K, s.next, a.K);
      break;
    }
    for (std::int64_t j = 0; j < s.width; j += step) {
      store(s.next + j, load(s.beta + j) + scores(frame(a, t, b), a.K, j));
    }
    fill_row(s.high, s.width, kImpossible);
    fill_row(s.total, s.width, 1);
    for (std::int64_t i = 0; i < s.tags; ++i) {
      const float* from = s.transitions + i * s.width;
      float* terms = s.terms + i * s.width;
      F high = splat(4 * kImpossible);
      for (std::int64_t j = 0; j < s.width; j += step) {
        const F term = load(from + j) + load(s.next + j);
        store(terms + j, term);
        high = max(high, term);
      }
      s.high[i] = greatest(high);
      F total{};
      for (std::int64_t j = 0; j < s.width; j += step) {
        const F share = exp_or_zero(load(terms + j) - splat(s.high[i]));
        store(terms + j, share);
        total += share;
      }
      s.total[i] = sum(total);
    }
    const float* before = s.row(t - 1);
    const F shift_before = splat(static_cast<float>(s.offsets[t - 1] + offset - log_z));
    for (std::int64_t i = 0; i < s.width; i += step) {
      const F high = load(s.high + i);
      store(s.beta + i, high + log(load(s.total + i)));
      store(s.total + i, exp_or_zero(load(before + i) + high + shift_before));
    }
    for (std::int64_t i = 0; i < s.tags; ++i) {
      float* shares = s.shares + i * s.width;
      const float* terms = s.terms + i * s.width;
      const F factor = splat(s.total[i]);
      for (std::int64_t j = 0; j < s.width; j += step) store(shares + j, load(shares + j) + factor * load(terms + j));
    }
    offset += lower(s.beta, s.width);
  }
  for (std::int64_t i = 0; i < s.tags; ++i) {
    copy_row(a.dtransitions + (b * a.K + i) * a.K, s.shares + i * s.width, a.K);
  }
}

// Minus the gradient of the tags' score.
void subtract_tags(const Crf& a, std::int64_t b) {
  const std::int64_t frames = a.lengths[b];
  const auto tag = [&](std::int64_t t) { return a.tags[t * a.B + b]; };
  a.dstart[b * a.K + tag(0)] -= 1;
  a.dend[b * a.K + tag(frames - 1)] -= 1;
  for (std::int64_t t = 0; t < frames; ++t) {
    a.demissions[(t * a.B + b) * a.K + tag(t)] -= 1;
    if (t > 0) a.dtransitions[(b * a.K + tag(t - 1)) * a.K + tag(t)] -= 1;
  }
}

void fill_gradients(const Crf& a, std::int64_t b, std::int64_t frames, float value) {
  if (!a.demissions) return;
  fill_row(a.dtransitions + b * a.K * a.K, a.K * a.K, value);
  fill_row(a.dstart + b * a.K, a.K, value);
  fill_row(a.dend + b * a.K, a.K, value);
  for (std::int64_t t = 0; t < a.T; ++t) fill_row(a.demissions + (t * a.B + b) * a.K, a.K, t < frames ? value : 0);
}

void crf(const Crf& a, std::int64_t b, float* workspace) {
  Sample s(a, b);
  fill_gradients(a, b, s.frames, 0);
  a.losses[b] = 0;
  if (s.frames == 0) return;
  if (!usable(a, b)) {
    a.losses[b] = kNan;
    return fill_gradients(a, b, s.frames, kNan);
  }
  s.place(a, workspace);
  const double log_z = forward(a, b, s), score = a.tags ? score_of_tags(a, b) : 0;
  if (log_z < kPossible || score < kPossible) {
    a.losses[b] = a.tags ? kInfinity : -kInfinity;
    return;
  }
  a.losses[b] = log_z - score;
  if (!a.demissions) return;
  backward(a, b, s, log_z);
  if (a.tags) subtract_tags(a, b);
}

// delta_0(j) = start(j) + e_0(j),  delta_t(j) = e_t(j) + max_i (delta_{t-1}(i) + A(i, j)); of equals the lowest i.
void crf_decode(const Crf& a, std::int64_t b, float* workspace) {
  Sample s(a, b);
  for (std::int64_t t = s.frames; t < a.T; ++t) a.path[t * a.B + b] = -1;
  a.losses[b] = 0;
  if (s.frames == 0) return;
  const bool good = usable(a, b);
  s.place(a, workspace);
  float *before = s.beta, *now = s.next;
  start_row(a, b, s, before);
  double offset = lower(before, s.width);
  for (std::int64_t t = 1; t < s.frames; ++t) {
    for (std::int64_t j = 0; j < s.width; j += step) {
      const float* column = s.transitions + j;
      F best = splat(before[0]) + load(column);
      I from{};
      for (std::int64_t i = 1; i < s.tags; ++i) {
        const F score = splat(before[i]) + load(column + i * s.width);
        const I better = score > best;
        best = select(better, score, best);
        from = (better & static_cast<std::int32_t>(i)) | (~better & from);
      }
      store(now + j, scores(frame(a, t, b), a.K, j) + best);
      store(s.row(t) + j, as_float(from));
    }
    offset += lower(now, s.width);
    float* swapped = before;
    before = now;
    now = swapped;
  }
  const float high = add_end(s, before, now);
  std::int64_t tag = 0;
  while (tag + 1 < s.tags && now[tag] < high) ++tag;
  const double score = offset + high;
  a.losses[b] = !good ? static_cast<double>(kNan) : score < kPossible ? -static_cast<double>(kInfinity) : score;
  for (std::int64_t t = s.frames - 1; t >= 0; --t) {
    a.path[t * a.B + b] = tag;
    if (t == 0) break;
    std::int32_t from;
    __builtin_memcpy(&from, s.row(t) + tag, sizeof from);
    tag = from;
  }
}

}  // namespace

void fill_crf(Kernels& table) {
  table.crf_workspace = crf_workspace;
  table.crf = crf;
  table.crf_decode = crf_decode;
}

}  // namespace lexigrad::LEXIGRAD_ISA
