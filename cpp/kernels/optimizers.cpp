// Updates of parameters: each rule reads the gradient once and reads and writes parameter and state once.
//
// The formulas are PyTorch's. Every element is on its own, so that stretches may be cut anywhere.
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr auto step = static_cast<std::int64_t>(W);

// rule(parameter, gradient, state) changes a vector of the parameter and of each of N states.
template <int N, typename Rule>
INLINE void update(const ParameterSpan& s, Rule rule) {
  F state[N > 0 ? N : 1];
  std::int64_t i = 0;
  for (; i + step <= s.size; i += step) {
    F parameter = load(s.parameter + i);
    for (int k = 0; k < N; ++k) state[k] = load(s.state[k] + i);
    rule(parameter, load(s.gradient + i), state);
    store(s.parameter + i, parameter);
    for (int k = 0; k < N; ++k) store(s.state[k] + i, state[k]);
  }
  const std::int64_t left = s.size - i;
  if (left == 0) return;
  F parameter = load_first(s.parameter + i, left, 0);
  for (int k = 0; k < N; ++k) state[k] = load_first(s.state[k] + i, left, 0);
  rule(parameter, load_first(s.gradient + i, left, 0), state);
  store_first(s.parameter + i, parameter, left);
  for (int k = 0; k < N; ++k) store_first(s.state[k] + i, state[k], left);
}

// The gradient that a rule sees.
template <typename Rule>
INLINE F effective(const Rule& a, F gradient, F parameter) {
  return gradient * splat(a.scale) + splat(a.weight_decay) * parameter;
}

// v = momentum v + fresh g;  p -= lr v, or lr (g + momentum v) with Nesterov's momentum (Sutskever et al. 2013).
void sgd(const SgdRule& a, const ParameterSpan& s) {
  if (a.momentum == 0) {
    update<0>(s, [&](F& p, F g, F*) { p -= splat(a.lr) * effective(a, g, p); });
  } else if (a.nesterov) {
    update<1>(s, [&](F& p, F g, F* v) {
      g = effective(a, g, p);
      v[0] = splat(a.momentum) * v[0] + splat(a.fresh) * g;
      p -= splat(a.lr) * (g + splat(a.momentum) * v[0]);
    });
  } else {
    update<1>(s, [&](F& p, F g, F* v) {
      v[0] = splat(a.momentum) * v[0] + splat(a.fresh) * effective(a, g, p);
      p -= splat(a.lr) * v[0];
    });
  }
}

// v += g^2;  p -= lr g / (sqrt(v) + eps)  (Duchi et al. 2011)
void adagrad(const AdagradRule& a, const ParameterSpan& s) {
  update<1>(s, [&](F& p, F g, F* v) {
    g = effective(a, g, p);
    v[0] += g * g;
    p -= splat(a.lr) * g / (sqrt(v[0]) + splat(a.eps));
  });
}

// v = alpha v + (1 - alpha) g^2;  p -= lr g / (sqrt(v) + eps)  (Tieleman and Hinton 2012). `centered` subtracts the
// square of the gradient's running mean from v (Graves 2013); momentum accumulates the steps.
template <bool centered, bool momentum>
INLINE void rmsprop_of(const RmspropRule& a, const ParameterSpan& s) {
  update<1 + centered + momentum>(s, [&](F& p, F g, F* state) {
    g = effective(a, g, p);
    state[0] = splat(a.alpha) * state[0] + splat(a.fresh) * g * g;
    F variance = state[0];
    if constexpr (centered) {
      state[1] += splat(a.fresh) * (g - state[1]);
      variance -= state[1] * state[1];
    }
    const F change = g / (sqrt(variance) + splat(a.eps));
    if constexpr (momentum) {
      F& v = state[1 + centered];
      v = splat(a.momentum) * v + change;
      p -= splat(a.lr) * v;
    } else {
      p -= splat(a.lr) * change;
    }
  });
}

void rmsprop(const RmspropRule& a, const ParameterSpan& s) {
  if (a.centered) {
    a.momentum != 0 ? rmsprop_of<true, true>(a, s) : rmsprop_of<true, false>(a, s);
  } else {
    a.momentum != 0 ? rmsprop_of<false, true>(a, s) : rmsprop_of<false, false>(a, s);
  }
}

// m += fresh1 (g - m);  v = beta2 v + fresh2 g^2;  p -= step_size m / (correction sqrt(v) + eps), where
// fresh = 1 - beta, step_size = lr / (1 - beta1^t) and correction = 1 / sqrt(1 - beta2^t)  (Kingma and Ba 2015).
// Decoupled weight decay shrinks the parameter instead of adding to the gradient (Loshchilov and Hutter 2019).
void adam(const AdamRule& a, const ParameterSpan& s) {
  update<2>(s, [&](F& p, F g, F* state) {
    p *= splat(a.shrink);
    g = effective(a, g, p);
    state[0] += splat(a.fresh1) * (g - state[0]);
    state[1] = splat(a.beta2) * state[1] + splat(a.fresh2) * g * g;
    p -= splat(a.step_size) * state[0] / (splat(a.correction) * sqrt(state[1]) + splat(a.eps));
  });
}

}  // namespace

void fill_optimizers(Kernels& table) {
  table.sgd = sgd;
  table.adagrad = adagrad;
  table.rmsprop = rmsprop;
  table.adam = adam;
}

}  // namespace lexigrad::LEXIGRAD_ISA
