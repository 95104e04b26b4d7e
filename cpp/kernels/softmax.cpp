// Softmax, its logarithm, and cross-entropy with its gradient, over the rows of a matrix.
//
// A row is in L2 after the first of its passes (the greatest value, the exponentials and their sum, the result).
// A row with NaN or +infinity, or with nothing above -infinity, is NaN throughout: so is its sum of exponentials.
#include "kernels/kernels.h"
#include "kernels/rows.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// y = exp(x) / sum exp(x)
void softmax_forward(const Softmax& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    const float* x = a.x + r * a.size;
    float* y = a.y + r * a.size;
    const float high = row_max(x, a.size);
    const float factor = static_cast<float>(1 / exps(x, a.size, high, y, x));
    std::int64_t i = 0;
    for (; i + step <= a.size; i += step) store(y + i, load(y + i) * splat(factor));
    for (; i < a.size; ++i) y[i] *= factor;
  }
}

// y = x - log sum exp(x)
void log_softmax_forward(const Softmax& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    const float* x = a.x + r * a.size;
    float* y = a.y + r * a.size;
    const float high = row_max(x, a.size);
    const auto log_sum = static_cast<float>(__builtin_log(exps(x, a.size, high, nullptr, x)));
    std::int64_t i = 0;
    for (; i + step <= a.size; i += step) store(y + i, load(x + i) - splat(high) - splat(log_sum));
    for (; i < a.size; ++i) y[i] = x[i] - high - log_sum;
  }
}

// dx = y (dy - y . dy)
void softmax_backward(const SoftmaxBackward& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    const float *y = a.y + r * a.size, *dy = a.dy + r * a.size;
    float* dx = a.dx + r * a.size;
    const float mean = dot(y, dy, a.size);
    std::int64_t i = 0;
    for (; i + step <= a.size; i += step) store(dx + i, load(y + i) * (load(dy + i) - splat(mean)));
    for (; i < a.size; ++i) dx[i] = y[i] * (dy[i] - mean);
  }
}

// dx = dy - exp(y) sum dy
void log_softmax_backward(const SoftmaxBackward& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    const float *y = a.y + r * a.size, *dy = a.dy + r * a.size;
    float* dx = a.dx + r * a.size;
    const F total = splat(row_sum(dy, a.size));
    std::int64_t i = 0;
    for (; i + step <= a.size; i += step) store(dx + i, load(dy + i) - exp_or_zero(load(y + i)) * total);
    const std::int64_t left = a.size - i;
    store_first(dx + i, load_first(dy + i, left, 0) - exp_or_zero(load_first(y + i, left, 0)) * total, left);
  }
}

// sum_c w_c (x_c - high), for smoothed targets.
double weighted_sum(const float* x, const float* weights, std::int64_t size, float high) {
  double total = 0;
  for (std::int64_t begin = 0; begin < size; begin += kBlock) {
    const std::int64_t end = begin + kBlock < size ? begin + kBlock : size;
    F sums{};
    std::int64_t i = begin;
    for (; i + step <= end; i += step) {
      const F v = load(x + i) - splat(high);
      sums += weights ? v * load(weights + i) : v;
    }
    for (; i < end; ++i) sums[0] += weights ? (x[i] - high) * weights[i] : x[i] - high;
    total += sum(sums);
  }
  return total;
}

// out[i] = value(i) for full vectors and value(i)[0..] for the rest, past the caches if `streaming`.
template <typename Value, typename Rest>
INLINE void write_row(float* out, std::int64_t size, bool streaming, Value value, Rest rest) {
  std::int64_t i = 0;
  if (streaming) {
    for (; i < size && reinterpret_cast<std::uintptr_t>(out + i) % sizeof(F) != 0; ++i) out[i] = rest(i);
    for (; i + step <= size; i += step) stream(out + i, value(i));
  } else {
    for (; i + step <= size; i += step) store(out + i, value(i));
  }
  for (; i < size; ++i) out[i] = rest(i);
}

// With p = softmax(x), target y, class weights w (ones by default) and smoothing s among V classes (Szegedy et al.
// 2016):
//   loss = -(1 - s) w_y log p_y - s / V sum_c w_c log p_c
//   dloss/dx_c = ((1 - s) w_y + s / V sum_k w_k) p_c - [c = y] (1 - s) w_y - s / V w_c
void cross_entropy_row(const CrossEntropy& a, std::int64_t r, float* e) {
  const float* x = a.logits + r * a.classes;
  float* gradient = a.gradient ? a.gradient + r * a.classes : nullptr;
  const std::int64_t target = a.targets[r];
  if (target == a.ignore_index) {
    a.losses[r] = 0;
    if (gradient) {
      write_row(gradient, a.classes, a.streaming, [](std::int64_t) { return F{}; }, [](std::int64_t) { return 0.0f; });
    }
    return;
  }
  const float high = row_max(x, a.classes);
  const float* next = r + 1 < a.rows ? x + a.classes : x;
  const double total = exps(x, a.classes, high, gradient ? e : nullptr, next);
  const double hit = (1 - a.smoothing) * (a.weights ? a.weights[target] : 1);
  const double share = a.smoothing / static_cast<double>(a.classes);
  const double all = hit + share * a.weight_sum;
  double loss = all * __builtin_log(total) - hit * (static_cast<double>(x[target]) - high);
  if (hit == 0) loss = all * __builtin_log(total);  // not 0 times infinity
  if (share > 0) loss -= share * weighted_sum(x, a.weights, a.classes, high);
  a.losses[r] = loss;
  if (!gradient) return;

  const auto factor = static_cast<float>(a.scale * all / total);
  const auto spread = static_cast<float>(a.scale * share);
  if (share > 0 && a.weights) {
    const float* w = a.weights;
    write_row(
        gradient, a.classes, a.streaming,
        [&](std::int64_t i) { return load(e + i) * splat(factor) - splat(spread) * load(w + i); },
        [&](std::int64_t i) { return e[i] * factor - spread * w[i]; });
  } else {
    write_row(
        gradient, a.classes, a.streaming, [&](std::int64_t i) { return load(e + i) * splat(factor) - splat(spread); },
        [&](std::int64_t i) { return e[i] * factor - spread; });
  }
  if (a.streaming) stream_end();  // before the same memory is read
  gradient[target] -= static_cast<float>(a.scale * hit);
}

void cross_entropy(const CrossEntropy& a, std::int64_t begin, std::int64_t end, float* workspace) {
  for (std::int64_t r = begin; r < end; ++r) cross_entropy_row(a, r, workspace);
}

}  // namespace

void fill_softmax(Kernels& table) {
  table.softmax_forward = softmax_forward;
  table.softmax_backward = softmax_backward;
  table.log_softmax_forward = log_softmax_forward;
  table.log_softmax_backward = log_softmax_backward;
  table.cross_entropy = cross_entropy;
}

}  // namespace lexigrad::LEXIGRAD_ISA
