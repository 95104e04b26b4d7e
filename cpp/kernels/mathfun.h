// exp, log, sigmoid and tanh on vectors. Errors, measured against float64 in cpp/tests/test_mathfun.cpp, are below
// 2 ulp for exp and log, 3 ulp for sigmoid and 6 ulp for tanh. NaN gives NaN, but for log.
#pragma once

#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2, exp(r) by a polynomial (Cephes).
// Below -87.3 the result is the smallest normal number, above 88.3 about 2.2e38.
INLINE F exp(F x) {
  x = min(splat(88.3f), max(splat(-87.3f), x));  // in this order NaN stays
  const F magic = splat(12582912.0f);            // 1.5 * 2^23: adding it rounds, and leaves n in the low bits
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
  const I one = as_int(splat(1.0f));
  const I power =
      as_int(p * as_float(wrapping_sum(as_int(shifted) << 23, one)));  // far below 0 it wraps, and is dropped
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

// tanh(x) = x P(x^2) / Q(x^2), P and Q the polynomials of degree 4 with the least relative error on |x| <= 9.02,
// from where on the float32 result is 1. All coefficients are positive: small x keep their relative accuracy.
INLINE F tanh(F x) {
  x = min(splat(9.02f), max(splat(-9.02f), x));
  const F s = x * x;
  F p = splat(1.331914489810515e-8f);
  p = p * s + splat(2.0583540390362032e-5f);
  p = p * s + splat(3.4940384794026613e-3f);
  p = p * s + splat(1.3379721343517303e-1f);
  p = p * s + splat(1.0f);
  F q = splat(7.762051268400683e-7f);
  q = q * s + splat(3.283098922111094e-4f);
  q = q * s + splat(2.5871088728308678e-2f);
  q = q * s + splat(4.671303629875183e-1f);
  q = q * s + splat(1.0f);
  return min(splat(1.0f), max(splat(-1.0f), x * p / q));
}

// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)): minus the logarithm of sigmoid(-x).
INLINE F softplus(F x) { return max(x, F{}) + log(splat(1.0f) + exp(min(x, -x))); }

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
