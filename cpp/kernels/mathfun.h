// exp, log and sigmoid on vectors. Errors, measured against float64 in tests/test_mathfun.py, are below 2 ulp for
// exp and log and 3 ulp for sigmoid.
#pragma once

#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2, exp(r) by a polynomial (Cephes).
// Below -87.3 the result is the smallest normal number, above 88.3 about 2.2e38.
INLINE F exp(F x) {
  x = min(max(x, splat(-87.3f)), splat(88.3f));
  const F magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds, and leaves n in the low bits
  const F shifted = x * splat(1.44269504088896341f) + magic;
  const F n = shifted - magic;
  F r = x - n * splat(0.693359375f);
  r = r - n * splat(-2.12194440e-4f);
  F p = splat(1.9875691500e-4f);
  p = p * r + splat(1.3981999507e-3f);
  p = p * r + splat(8.3334519073e-3f);
  p = p * r + splat(4.1665795894e-2f);
  p = p * r + splat(1.6666665459e-1f);
  p = p * r + splat(5.0000001201e-1f);
  p = p * r * r + r + splat(1.0f);
  return as_float(as_int(p) + (as_int(shifted) << 23));
}

// exp(x) for x that is not above 0 but for rounding, as in a softmax: fewer operations than exp, exact zeros below the
// smallest normal number and for -infinity, NaN for NaN. exp(x) = 2^n 2^r, 2^r by the polynomial of least relative
// error, 9.1e-8, on |r| <= 1/2.
INLINE F exp_or_zero(F x) {
  const F magic = splat(12582912.0f);
  const F log2_e = splat(1.44269502f), log2_e_rest = splat(1.92596299e-8f);
  const F shifted = x * log2_e + magic;
  const F n = shifted - magic;
  const F r = x * log2_e_rest + (x * log2_e - n);
  F p = splat(0.00132647273f);
  p = p * r + splat(0.00967151299f);
  p = p * r + splat(0.0555073358f);
  p = p * r + splat(0.240222424f);
  p = p * r + splat(0.693147004f);
  p = p * r + splat(1.0f);
  const I power = as_int(p * as_float((as_int(shifted) << 23) + 0x3f800000));
  return as_float(power & ~(x < splat(-87.3f)));
}

// log(x) for normal x > 0: x = 2^e m with m in [sqrt(1/2), sqrt(2)), log m by a polynomial (Cephes).
INLINE F log(F x) {
  const I bits = as_int(x);
  const I e0 = ((bits >> 23) & 0xff) - 126;
  F m = as_float((bits & 0x007fffff) | 0x3f000000);  // [0.5, 1)
  const I small = m < splat(0.707106781186547524f);
  const F e = __builtin_convertvector(e0 + small, F);  // a true lane is -1
  m = select(small, m + m, m) - splat(1.0f);
  F p = splat(7.0376836292e-2f);
  p = p * m + splat(-1.1514610310e-1f);
  p = p * m + splat(1.1676998740e-1f);
  p = p * m + splat(-1.2420140846e-1f);
  p = p * m + splat(1.4249322787e-1f);
  p = p * m + splat(-1.6668057665e-1f);
  p = p * m + splat(2.0000714765e-1f);
  p = p * m + splat(-2.4999993993e-1f);
  p = p * m + splat(3.3333331174e-1f);
  const F square = m * m;
  const F tail = p * m * square + e * splat(-2.12194440e-4f) - splat(0.5f) * square;
  return m + tail + e * splat(0.693359375f);
}

INLINE F sigmoid(F x) { return splat(1.0f) / (splat(1.0f) + exp(-x)); }

// (1 - e) / (1 + e) with e = exp(-2 |x|), and near zero, where that cancels, the series of tanh.
INLINE F tanh(F x) {
  const F square = x * x, e = exp(splat(-2.0f) * max(x, -x));
  const F far = (splat(1.0f) - e) / (splat(1.0f) + e);
  F p = splat(-1382.0f / 155925);
  p = p * square + splat(62.0f / 2835);
  p = p * square + splat(-17.0f / 315);
  p = p * square + splat(2.0f / 15);
  p = p * square + splat(-1.0f / 3);
  return select(square < splat(0.1f), x + x * square * p, select(x < F{}, -far, far));
}

// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)): minus the logarithm of sigmoid(-x).
INLINE F softplus(F x) { return max(x, F{}) + log(splat(1.0f) + exp(min(x, -x))); }

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
