// GloVe (Pennington, Socher and Manning 2014): word vectors w, context vectors u and biases whose sums of products are
// the logarithms of counts, by AdaGrad (Duchi et al. 2011).
#include "kernels/kernels.h"
#include "kernels/mathfun.h"
#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr auto step = static_cast<std::int64_t>(W);
constexpr float kClip = 100;  // the greatest gradient of a weight, as in Stanford's program
constexpr std::int64_t kAhead = 3;

// Entries of one row of the counts, at most kGloveGroup; or none where the order or a row is out of range.
struct Group {
  std::int64_t row, first, size;
};

Group group_at(const Glove& a, std::int64_t place) {
  const std::int64_t number = a.order[place];
  if (number < 0 || number >= a.groups) return {0, 0, 0};
  const std::int64_t row = a.group_rows[number];
  if (row < 0 || row >= a.vocabulary) return {0, 0, 0};
  const std::int64_t first = a.offsets[row] + (number - a.first_groups[row]) * kGloveGroup;
  const std::int64_t left = a.offsets[row + 1] - first;
  if (first < a.offsets[row] || left <= 0) return {0, 0, 0};
  return {row, first, left < kGloveGroup ? left : kGloveGroup};
}

INLINE void prefetch_context(const Glove& a, std::int64_t entry) {
  const std::int64_t column = a.columns[entry];
  if (column < 0 || column >= a.vocabulary) return;
  for (std::int64_t i = 0; i < a.stride; i += 16) {
    prefetch_write(a.contexts + column * a.stride + i);
    prefetch_write(a.context_squares + column * a.stride + i);
  }
  prefetch_write(a.biases + 4 * column);
}

// p -= rate g / sqrt(1 + G), G += (rate g)^2: the sum of squares starts at 0.
INLINE void adagrad(float& parameter, float& squares, float change) {
  parameter -= change / __builtin_sqrtf(1 + squares);
  squares += change * change;
}

// For a count x of word i near word j:
//   s = w_i . u_j + b_i + c_j - log x,   loss = f s^2 / 2,   f = min(1, (x / x_max)^exponent),
//   dloss/dw_i = f s u_j,   dloss/du_j = f s w_i,   dloss/db_i = dloss/dc_j = f s.
void glove(const Glove& a, std::int64_t begin, std::int64_t end, float rate, TrainingTotals& totals) {
  const std::int64_t stride = a.stride, size = a.padded_size;
  double loss = 0;
  for (std::int64_t k = begin; k < end; ++k) {
    const Group group = group_at(a, k);
    if (group.size == 0) {
      totals.unknown_token = true;
      continue;
    }
    if (k + 1 < end) {
      const Group next = group_at(a, k + 1);
      prefetch_read(a.values + next.first);
      prefetch_read(a.columns + next.first);
      for (std::int64_t i = 0; i < stride; i += 16) {
        prefetch_write(a.words + next.row * stride + i);
        prefetch_write(a.word_squares + next.row * stride + i);
      }
    }
    for (std::int64_t e = 0; e < kAhead && e < group.size; ++e) prefetch_context(a, group.first + e);

    float counts[kGloveGroup], logs[kGloveGroup], weights[kGloveGroup];
    for (std::int64_t e = 0; e < kGloveGroup; ++e) counts[e] = e < group.size ? a.values[group.first + e] : 1;
    for (std::size_t e = 0; e < kGloveGroup; e += W) {
      const F log_x = log(load(counts + e));
      store(logs + e, log_x);
      store(weights + e, min(splat(1), exp(splat(a.exponent) * (log_x - splat(a.log_x_max)))));
    }

    float* w = a.words + group.row * stride;
    float* w_squares = a.word_squares + group.row * stride;
    float* w_bias = a.biases + 4 * group.row;
    for (std::int64_t e = 0; e < group.size; ++e) {
      if (e + kAhead < group.size) prefetch_context(a, group.first + e + kAhead);
      const std::int64_t column = a.columns[group.first + e];
      if (column < 0 || column >= a.vocabulary) {
        totals.unknown_token = true;
        continue;
      }
      float* u = a.contexts + column * stride;
      float* u_squares = a.context_squares + column * stride;
      float* u_bias = a.biases + 4 * column + 1;
      F products{};
      for (std::int64_t i = 0; i < size; i += step) products += load(w + i) * load(u + i);
      const float score = sum(products) + *w_bias + *u_bias - logs[e];
      const float gradient = weights[e] * score;
      if (!(__builtin_fabsf(gradient) < __builtin_inff())) {
        totals.diverged = true;
        continue;
      }
      loss += 0.5 * static_cast<double>(gradient) * static_cast<double>(score);
      for (std::int64_t i = 0; i < size; i += step) {
        const F w_i = load(w + i), u_i = load(u + i), w_s = load(w_squares + i), u_s = load(u_squares + i);
        const F w_step = splat(rate) * min(splat(kClip), max(splat(-kClip), splat(gradient) * u_i));
        const F u_step = splat(rate) * min(splat(kClip), max(splat(-kClip), splat(gradient) * w_i));
        store(w + i, w_i - w_step * reciprocal_sqrt(splat(1) + w_s));
        store(u + i, u_i - u_step * reciprocal_sqrt(splat(1) + u_s));
        store(w_squares + i, w_s + w_step * w_step);
        store(u_squares + i, u_s + u_step * u_step);
      }
      adagrad(w_bias[0], w_bias[2], rate * gradient);
      adagrad(u_bias[0], u_bias[2], rate * gradient);
      ++totals.predictions;
    }
  }
  totals.loss += loss;
}

}  // namespace

void fill_glove(Kernels& table) { table.glove = glove; }

}  // namespace lexigrad::LEXIGRAD_ISA
