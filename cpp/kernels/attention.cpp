// Attention: scores of positions, their softmax under a mask, and the weighted sum of the values (Bahdanau et al.
// 2015, Luong et al. 2015), one row of the batch at a time.
//
// A batch row's keys and values are in L2 after the scores have read them. Positions past the last one that the mask
// lets through are never read, so that padding may hold anything.
#include "kernels/kernels.h"
#include "kernels/rows.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// Rows of floats, `stride` apart.
struct ConstRows {
  const float* data;
  std::int64_t stride;
  const float* operator[](std::int64_t i) const { return data + i * stride; }
};
struct Rows {
  float* data;
  std::int64_t stride;
  float* operator[](std::int64_t i) const { return data + i * stride; }
};

// out[m, k] = a[m] . b[k] for an R x C block.
template <int R, int C>
INLINE void dot_block(ConstRows a, ConstRows b, std::int64_t size, Rows out) {
  F total[R][C] = {};
  std::int64_t i = 0;
  for (; i + step <= size; i += step) {
    F x[R];
#pragma GCC unroll 4
    for (int m = 0; m < R; ++m) x[m] = load(a[m] + i);
#pragma GCC unroll 4
    for (int k = 0; k < C; ++k) {
      const F y = load(b[k] + i);
#pragma GCC unroll 4
      for (int m = 0; m < R; ++m) total[m][k] += x[m] * y;
    }
  }
  for (int m = 0; m < R; ++m) {
    for (int k = 0; k < C; ++k) {
      float rest = 0;
      for (std::int64_t d = i; d < size; ++d) rest += a[m][d] * b[k][d];
      out[m][k] = sum(total[m][k]) + rest;
    }
  }
}

template <int R>
INLINE void dot_rows(ConstRows a, ConstRows b, std::int64_t N, std::int64_t size, Rows out) {
  std::int64_t k = 0;
  for (; k + 4 <= N; k += 4) dot_block<R, 4>(a, {b[k], b.stride}, size, {out.data + k, out.stride});
  for (; k < N; ++k) dot_block<R, 1>(a, {b[k], b.stride}, size, {out.data + k, out.stride});
}

// out (M, N) = A B^T
void dots(ConstRows a, std::int64_t M, ConstRows b, std::int64_t N, std::int64_t size, Rows out) {
  std::int64_t m = 0;
  for (; m + 2 <= M; m += 2) dot_rows<2>({a[m], a.stride}, b, N, size, {out[m], out.stride});
  if (m < M) dot_rows<1>({a[m], a.stride}, b, N, size, {out[m], out.stride});
}

// A matrix of factors that is read along either axis.
struct Factors {
  const float* data;
  std::int64_t row, column;  // strides
  float operator()(std::int64_t m, std::int64_t k) const { return data[m * row + k * column]; }
};

// out[m] (+)= sum_k g(m, k) b[k] for R rows.
template <int R>
INLINE void combine_rows(Factors g, ConstRows b, std::int64_t N, std::int64_t size, Rows out, bool add) {
  constexpr int C = R == 1 ? 4 : 2;  // vectors of a row at a time
  std::int64_t i = 0;
  for (; i + C * step <= size; i += C * step) {
    F total[R][C] = {};
    for (std::int64_t k = 0; k < N; ++k) {
      const float* x = b[k] + i;
#pragma GCC unroll 4
      for (int m = 0; m < R; ++m) {
        const F factor = splat(g(m, k));
#pragma GCC unroll 4
        for (int c = 0; c < C; ++c) total[m][c] += factor * load(x + c * step);
      }
    }
    for (int m = 0; m < R; ++m) {
      for (int c = 0; c < C; ++c) {
        float* y = out[m] + i + c * step;
        store(y, add ? load(y) + total[m][c] : total[m][c]);
      }
    }
  }
  for (; i < size; i += step) {
    const std::int64_t count = size - i < step ? size - i : step;
    for (int m = 0; m < R; ++m) {
      F total{};
      for (std::int64_t k = 0; k < N; ++k) total += splat(g(m, k)) * load_first(b[k] + i, count, 0);
      if (add) total += load_first(out[m] + i, count, 0);
      store_first(out[m] + i, total, count);
    }
  }
}

// out (M, size) (+)= G (M, N) B (N, size)
void combine(Factors g, std::int64_t M, ConstRows b, std::int64_t N, std::int64_t size, Rows out, bool add) {
  std::int64_t m = 0;
  for (; m + 4 <= M; m += 4)
    combine_rows<4>({&g.data[m * g.row], g.row, g.column}, b, N, size, {out[m], out.stride}, add);
  for (; m < M; ++m) combine_rows<1>({&g.data[m * g.row], g.row, g.column}, b, N, size, {out[m], out.stride}, add);
}

// How many positions of batch row b there are up to the last that takes part.
std::int64_t reach(const Attention& a, std::int64_t b) {
  std::int64_t count = a.S;
  if (a.mask) {
    while (count > 0 && !a.mask[b * a.S + count - 1]) --count;
  }
  return count;
}

// Softmax of one query's scores, in place, over the first `count` positions that the mask lets through; all others,
// and all of them where the mask lets none through, get exactly 0.
void weigh(const Attention& a, std::int64_t b, std::int64_t count, float* row) {
  for (std::int64_t s = 0; s < a.S; ++s) {
    if (s >= count || (a.mask && !a.mask[b * a.S + s])) row[s] = -kInfinity;
  }
  if (count == 0) return fill_row(row, a.S, 0);
  const float high = row_max(row, count);
  const auto factor = static_cast<float>(1 / exps(row, a.S, high, row, row));
  for (std::int64_t s = 0; s < a.S; ++s) row[s] *= factor;
}

// scores = q k^T (unless they are given), weights = softmax, context = weights v
void attention_forward(const Attention& a, std::int64_t b) {
  const std::int64_t count = reach(a, b);
  const Rows weights{a.weights + b * a.T * a.S, a.S};
  if (a.keys) dots({a.query + b * a.H, a.B * a.H}, a.T, {a.keys + b * a.H, a.B * a.H}, count, a.H, weights);
  for (std::int64_t t = 0; t < a.T; ++t) weigh(a, b, count, weights[t]);
  combine({weights.data, a.S, 1}, a.T, {a.values + b * a.C, a.B * a.C}, count, a.C, {a.context + b * a.C, a.B * a.C},
          false);
}

// dw = dcontext v^T + dweights;  dscores = w (dw - w . dw);  dv = w^T dcontext
// dq = dscores k;  dk = dscores^T q
void attention_backward(const AttentionBackward& g, std::int64_t b) {
  const Attention& a = g.forward;
  const std::int64_t count = reach(a, b);
  const float* weights = a.weights + b * a.T * a.S;
  const Rows dscores{g.dscores + b * a.T * a.S, a.S};
  const ConstRows dcontext{g.dcontext + b * a.C, a.B * a.C};
  dots(dcontext, a.T, {a.values + b * a.C, a.B * a.C}, count, a.C, dscores);
  for (std::int64_t t = 0; t < a.T; ++t) {
    const float* w = weights + t * a.S;
    if (g.dweights) {
      for (std::int64_t s = 0; s < count; ++s) dscores[t][s] += g.dweights[(b * a.T + t) * a.S + s];
    }
    const float mean = dot(w, dscores[t], count);
    for (std::int64_t s = 0; s < count; ++s) dscores[t][s] = w[s] * (dscores[t][s] - mean);
    fill_row(dscores[t] + count, a.S - count, 0);
  }
  if (a.keys) {
    const std::int64_t stride = a.B * a.H;
    combine({dscores.data, a.S, 1}, a.T, {a.keys + b * a.H, stride}, count, a.H, {g.dquery + b * a.H, stride}, false);
    const Rows dkeys{g.dkeys + b * a.H, stride};
    combine({dscores.data, 1, a.S}, count, {a.query + b * a.H, stride}, a.T, a.H, dkeys, false);
    for (std::int64_t s = count; s < a.S; ++s) fill_row(dkeys[s], a.H, 0);
  }
  const bool shared = g.dvalues == nullptr;
  const Rows dvalues{(shared ? g.dkeys : g.dvalues) + b * a.C, a.B * a.C};
  combine({weights, 1, a.S}, count, dcontext, a.T, a.C, dvalues, shared);
  for (std::int64_t s = count; s < a.S; ++s) fill_row(dvalues[s], a.C, 0);
}

// score = v . tanh(q + k)
void additive_scores_forward(const AdditiveScores& a, std::int64_t b) {
  for (std::int64_t t = 0; t < a.T; ++t) {
    const float* q = a.query + (t * a.B + b) * a.H;
    for (std::int64_t s = 0; s < a.S; ++s) {
      const float* k = a.keys + (s * a.B + b) * a.H;
      F total{};
      std::int64_t i = 0;
      for (; i + step <= a.H; i += step) total += load(a.v + i) * tanh(load(q + i) + load(k + i));
      const std::int64_t left = a.H - i;
      total += load_first(a.v + i, left, 0) * tanh(load_first(q + i, left, 0) + load_first(k + i, left, 0));
      a.scores[(b * a.T + t) * a.S + s] = sum(total);
    }
  }
}

// With u = tanh(q + k):  dq = dk = dscore v (1 - u^2), summed over positions and queries;  dv = dscore u.
void additive_scores_backward(const AdditiveScores& a, std::int64_t b) {
  float* dv = a.dv + b * a.H;
  fill_row(dv, a.H, 0);
  for (std::int64_t s = 0; s < a.S; ++s) fill_row(a.dkeys + (s * a.B + b) * a.H, a.H, 0);
  for (std::int64_t t = 0; t < a.T; ++t) {
    const float* q = a.query + (t * a.B + b) * a.H;
    float* dq = a.dquery + (t * a.B + b) * a.H;
    fill_row(dq, a.H, 0);
    for (std::int64_t s = 0; s < a.S; ++s) {
      const float* k = a.keys + (s * a.B + b) * a.H;
      float* dk = a.dkeys + (s * a.B + b) * a.H;
      const float dscore = a.dscores[(b * a.T + t) * a.S + s];
      if (dscore == 0) continue;  // masked
      for (std::int64_t i = 0; i < a.H; i += step) {
        const std::int64_t count = a.H - i < step ? a.H - i : step;
        const auto read = [count](const float* p) { return count == step ? load(p) : load_first(p, count, 0); };
        const auto add = [count, read](float* p, F v) {
          v += read(p);
          count == step ? store(p, v) : store_first(p, v, count);
        };
        const F u = tanh(read(q + i) + read(k + i));
        const F change = splat(dscore) * read(a.v + i) * (splat(1.0f) - u * u);
        add(dq + i, change);
        add(dk + i, change);
        add(dv + i, splat(dscore) * u);
      }
    }
  }
}

}  // namespace

void fill_attention(Kernels& table) {
  table.attention_forward = attention_forward;
  table.attention_backward = attention_backward;
  table.additive_scores_forward = additive_scores_forward;
  table.additive_scores_backward = additive_scores_backward;
}

}  // namespace lexigrad::LEXIGRAD_ISA
