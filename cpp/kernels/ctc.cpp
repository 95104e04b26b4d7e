// Connectionist temporal classification (Graves et al. 2006): the probability of a label sequence, summed over all its
// alignments with the frames, and the gradient.
//
// The states are the labels l_0 .. l_{L-1} with a blank before, between and after them, kept as two rows: blank j
// stands before label j. Everything is a logarithm, and an impossible state is kImpossible rather than -infinity, so
// that no NaN can come up. Each frame's forward and backward rows are stored less their greatest value, and these
// offsets are added up in float64: a float32 logarithm of a long sequence's probability would have few digits left.
#include "kernels/kernels.h"
#include "kernels/rows.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr float kImpossible = -1e30f;
constexpr double kPossible = -1e29;  // a logarithm below this has an impossible step in it

INLINE F log_add(F a, F b) {
  const F high = max(a, b);
  return high + log(splat(1.0f) + exp_or_zero(min(a, b) - high));
}

INLINE F log_add(F a, F b, F c) {
  const F ab = max(a, b), least = min(a, b);
  const F high = max(ab, c), low = min(least, c), middle = max(least, min(ab, c));
  return high + log(splat(1.0f) + exp_or_zero(middle - high) + exp_or_zero(low - high));
}

// Two rows of states in one piece of memory, with impossible states before and after both.
struct States {
  float *label, *blank;
};

// The sizes and the pieces of a sample's workspace.
class Sample {
 public:
  Sample(const Ctc& a, std::int64_t b)
      : frames(a.lengths[b]),
        labels(a.target_offsets[b + 1] - a.target_offsets[b]),
        target(a.targets + a.target_offsets[b]),
        width((labels + step) / step * step),  // of both rows: labels + 1 rounded up
        row_(width + 2 * step) {}

  std::int64_t floats() const { return 3 * frames + row_ * (2 * frames + kRows + 2) + step; }

  void place(float* workspace) {
    offsets = reinterpret_cast<double*>(workspace);
    log_sums = workspace + 2 * frames;
    rows_ = log_sums + frames;
    // Later forward rows are written before they are read, but for the state before the first label.
    fill_row(rows_, row_ * (kRows + 2), kImpossible);
    for (std::int64_t t = 1; t < frames; ++t) alpha(t).label[-1] = kImpossible;
    emission = row(0);
    skip = row(1);
    for (std::int64_t j = 1; j < labels; ++j) skip[j] = target[j] == target[j - 1] ? kImpossible : 0;
    after = {row(2), row(3)};
    beta = {row(4), row(5)};
  }

  States alpha(std::int64_t t) const { return {row(kRows + 2 * t), row(kRows + 2 * t + 1)}; }

  std::int64_t frames, labels;
  const std::int64_t* target;
  std::int64_t width;
  double* offsets;     // (frames) what was taken from the forward rows so far
  float* log_sums;     // (frames) log sum exp of the logits
  float* emission;     // of the labels in the present frame
  float* skip;         // 0 where label j may follow label j - 1 with no blank between
  States after, beta;  // backward rows with and without the frame's emissions

 private:
  static constexpr std::int64_t kRows = 6;
  float* row(std::int64_t i) const { return rows_ + i * row_ + step; }

  std::int64_t row_;
  float* rows_ = nullptr;
};

std::int64_t ctc_workspace(const Ctc& a, std::int64_t b) { return Sample(a, b).floats(); }

const float* frame(const Ctc& a, std::int64_t t, std::int64_t b) { return a.x + (t * a.B + b) * a.V; }

// Fills log_sums; false if a value is NaN or +infinity, or if nothing in a frame of logits is above -infinity.
bool normalise(const Ctc& a, std::int64_t b, Sample& s) {
  bool good = true;
  for (std::int64_t t = 0; t < s.frames; ++t) {
    const float* x = frame(a, t, b);
    if (a.normalise) {
      const float high = row_max(x, a.V);
      s.log_sums[t] = high + static_cast<float>(__builtin_log(exps(x, a.V, high, nullptr, x)));
      good = good && s.log_sums[t] < kInfinity;
    } else {
      s.log_sums[t] = 0;
      for (std::int64_t k = 0; k < a.V; ++k) good = good && x[k] < kInfinity;
    }
  }
  return good;
}

INLINE float possible(float log_probability) { return log_probability > kImpossible ? log_probability : kImpossible; }

// Log-probabilities of the frame: the labels' in s.emission, the blank's returned.
float emit(const Ctc& a, std::int64_t t, std::int64_t b, Sample& s) {
  const float* x = frame(a, t, b);
  for (std::int64_t j = 0; j < s.labels; ++j) s.emission[j] = possible(x[s.target[j]] - s.log_sums[t]);
  return possible(x[a.blank] - s.log_sums[t]);
}

// alpha_t(blank j) = y_t(blank) (alpha_{t-1}(blank j) + alpha_{t-1}(label j-1))
// alpha_t(label j) = y_t(l_j) (alpha_{t-1}(label j) + alpha_{t-1}(blank j) + [l_j != l_{j-1}] alpha_{t-1}(label j-1))
// Returns the logarithm of the sum over all alignments.
double forward(const Ctc& a, std::int64_t b, Sample& s) {
  States now = s.alpha(0);
  now.blank[0] = emit(a, 0, b, s);
  if (s.labels > 0) now.label[0] = s.emission[0];
  float high = s.labels > 0 && now.label[0] > now.blank[0] ? now.label[0] : now.blank[0];
  double offset = 0;
  s.offsets[0] = 0;
  for (std::int64_t t = 1; t < s.frames; ++t) {
    const F blank = splat(emit(a, t, b, s)), taken = splat(high);
    const States before = now;
    now = s.alpha(t);
    F highest = splat(2 * kImpossible);
    for (std::int64_t j = 0; j < s.width; j += step) {
      const F label_j = load(before.label + j), blank_j = load(before.blank + j), previous = load(before.label + j - 1);
      const F to_blank = log_add(blank_j, previous) + (blank - taken);
      const F to_label = log_add(label_j, blank_j, previous + load(s.skip + j)) + (load(s.emission + j) - taken);
      store(now.blank + j, to_blank);
      store(now.label + j, to_label);
      highest = max(highest, max(to_blank, to_label));
    }
    offset += high;
    s.offsets[t] = offset;
    high = greatest(highest);
  }
  const double last_blank = now.blank[s.labels];
  const double last_label = s.labels > 0 ? now.label[s.labels - 1] : 2.0 * kImpossible;
  const double higher = last_blank > last_label ? last_blank : last_label;
  return offset + higher + __builtin_log(__builtin_exp(last_blank - higher) + __builtin_exp(last_label - higher));
}

// The gradient's row before the alignments' share: the softmax of logits, or zero.
void start_gradient(const Ctc& a, std::int64_t t, std::int64_t b, const Sample& s, float* gradient) {
  if (!a.normalise) return fill_row(gradient, a.V, 0);
  const float* x = frame(a, t, b);
  const F log_sum = splat(s.log_sums[t]);
  std::int64_t i = 0;
  for (; i + step <= a.V; i += step) store(gradient + i, exp_or_zero(load(x + i) - log_sum));
  store_first(gradient + i, exp_or_zero(load_first(x + i, a.V - i, 0) - log_sum), a.V - i);
}

// d loss / d log y_t(k) = - sum over the states of label k of alpha_t beta_t / p(target), where
// beta_t(blank j) = after(blank j) + after(label j)
// beta_t(label j) = after(label j) + after(blank j+1) + [l_{j+1} != l_j] after(label j+1),  after = beta_{t+1} y_{t+1}.
void backward(const Ctc& a, std::int64_t b, Sample& s, double log_total) {
  double offset = 0;
  float taken = 0;
  for (std::int64_t t = s.frames - 1; t >= 0; --t) {
    if (t == s.frames - 1) {
      s.beta.blank[s.labels] = 0;
      if (s.labels > 0) s.beta.label[s.labels - 1] = 0;
    } else {
      for (std::int64_t j = 0; j < s.width; j += step) {
        const F label_j = load(s.after.label + j), blank_j = load(s.after.blank + j);
        const F next = load(s.after.label + j + 1) + load(s.skip + j + 1);
        store(s.beta.blank + j, log_add(blank_j, label_j));
        store(s.beta.label + j, log_add(label_j, load(s.after.blank + j + 1), next));
      }
    }
    float* gradient = a.gradient + (t * a.B + b) * a.V;
    start_gradient(a, t, b, s, gradient);
    const float blank = emit(a, t, b, s);
    const States alpha = s.alpha(t);
    const F shift = splat(static_cast<float>(s.offsets[t] + offset - log_total));
    F blanks{}, highest = splat(2 * kImpossible);
    for (std::int64_t j = 0; j < s.width; j += step) {
      const F beta_blank = load(s.beta.blank + j), beta_label = load(s.beta.label + j);
      blanks += exp_or_zero(load(alpha.blank + j) + beta_blank + shift);
      // The forward row of labels is not needed any more: their posteriors take its place.
      store(alpha.label + j, exp_or_zero(load(alpha.label + j) + beta_label + shift));
      const F after_blank = beta_blank + splat(blank), after_label = beta_label + load(s.emission + j);
      store(s.after.blank + j, after_blank);
      store(s.after.label + j, after_label);
      highest = max(highest, max(after_blank, after_label));
    }
    gradient[a.blank] -= sum(blanks);
    for (std::int64_t j = 0; j < s.labels; ++j) gradient[s.target[j]] -= alpha.label[j];
    taken = greatest(highest);
    offset += taken;
    for (std::int64_t j = 0; j < s.width; j += step) {
      store(s.after.blank + j, load(s.after.blank + j) - splat(taken));
      store(s.after.label + j, load(s.after.label + j) - splat(taken));
    }
  }
}

void fill_gradient(const Ctc& a, std::int64_t b, std::int64_t begin, std::int64_t end, float value) {
  if (!a.gradient) return;
  for (std::int64_t t = begin; t < end; ++t) fill_row(a.gradient + (t * a.B + b) * a.V, a.V, value);
}

void ctc(const Ctc& a, std::int64_t b, float* workspace) {
  Sample s(a, b);
  s.place(workspace);
  fill_gradient(a, b, s.frames, a.T, 0);
  if (s.frames == 0) {
    a.losses[b] = s.labels == 0 ? 0 : kInfinity;
    return;
  }
  if (!normalise(a, b, s)) {
    a.losses[b] = kNan;
    return fill_gradient(a, b, 0, s.frames, kNan);
  }
  const double log_total = forward(a, b, s);
  const bool fits = log_total > kPossible;
  a.losses[b] = fits ? -log_total : kInfinity;
  if (!a.gradient) return;
  fits ? backward(a, b, s, log_total) : fill_gradient(a, b, 0, s.frames, 0);
}

}  // namespace

void fill_ctc(Kernels& table) {
  table.ctc_workspace = ctc_workspace;
  table.ctc = ctc;
}

}  // namespace lexigrad::LEXIGRAD_ISA
