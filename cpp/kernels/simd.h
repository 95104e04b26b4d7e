// Vectors of W floats, as GNU vector extensions: the one place that knows how wide the machine is.
//
// Every kernel file is compiled once per instruction set with LEXIGRAD_ISA naming the set, and everything
// here has internal linkage, so that code of one set can never stand in for code of another.
#pragma once

#include <cstddef>
#include <cstdint>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define INLINE inline __attribute__((always_inline))

namespace lexigrad::LEXIGRAD_ISA {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t W = 16;
#elif defined(__AVX2__)
constexpr std::size_t W = 8;
#else
constexpr std::size_t W = 4;
#endif

typedef float F __attribute__((vector_size(4 * W)));
typedef std::int32_t I __attribute__((vector_size(4 * W)));
typedef std::int16_t H __attribute__((vector_size(4 * W)));  // 2 W half-width integers
typedef float UnalignedF __attribute__((vector_size(4 * W), aligned(4), may_alias));

INLINE F load(const float* p) { return *reinterpret_cast<const UnalignedF*>(p); }
INLINE void store(float* p, F v) { *reinterpret_cast<UnalignedF*>(p) = v; }
INLINE F splat(float x) { return x - F{}; }

// The first n lanes, n < W: the others are zero when loaded and left alone in memory when stored.
INLINE I lanes_below(std::size_t n) {
  I lane{};
  for (std::size_t i = 0; i < W; ++i) lane[i] = static_cast<std::int32_t>(i);
  return lane < static_cast<std::int32_t>(n) - I{};
}
INLINE F load_first(const float* p, std::size_t n) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#elif defined(__AVX2__)
  return _mm256_maskload_ps(p, reinterpret_cast<__m256i>(lanes_below(n)));
#else
  F v{};
  for (std::size_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}
INLINE void store_first(float* p, F v, std::size_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, reinterpret_cast<__m256i>(lanes_below(n)), v);
#else
  for (std::size_t i = 0; i < n; ++i) p[i] = v[i];
#endif
}
INLINE F load_up_to(const float* p, std::size_t n) { return n >= W ? load(p) : load_first(p, n); }
INLINE void store_up_to(float* p, F v, std::size_t n) { n >= W ? store(p, v) : store_first(p, v, n); }

INLINE F select(I mask, F a, F b) { return mask ? a : b; }
INLINE F min(F a, F b) { return a < b ? a : b; }
INLINE F max(F a, F b) { return a > b ? a : b; }

// Bits of a float as an integer and back.
INLINE I as_int(F v) { return reinterpret_cast<I>(v); }
INLINE F as_float(I v) { return reinterpret_cast<F>(v); }

// The sum modulo 2^32.
INLINE I wrapping_sum(I a, I b) {
  typedef std::uint32_t U __attribute__((vector_size(4 * W)));
  return reinterpret_cast<I>(reinterpret_cast<U>(a) + reinterpret_cast<U>(b));
}

INLINE float sum(F v) {
  float total = 0;
#if defined(__AVX512F__)
  typedef float F8 __attribute__((vector_size(32)));
  F8 low = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
  F8 high = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  F8 half = low + high;
#elif defined(__AVX2__)
  F half = v;
#endif
  typedef float F4 __attribute__((vector_size(16)));
#if defined(__AVX2__)
  F4 quarter = __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
#else
  F4 quarter = v;
#endif
  quarter += __builtin_shufflevector(quarter, quarter, 2, 3, 0, 1);
  total = quarter[0] + quarter[1];
  return total;
}

// The sums of W vectors: lane i of the result is sum(a[i]). The first step adds halves, lane 0..W/2 from a[i] and
// the rest from a[i + W/2], the next ones quarters and so on, which leaves the sums in order.
template <typename V>
INLINE V sums(const V* a) {
#if defined(__AVX512F__)
  V x[8], y[4], z[2];
  for (int i = 0; i < 8; ++i)
    x[i] = __builtin_shufflevector(a[i], a[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           __builtin_shufflevector(a[i], a[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  for (int i = 0; i < 4; ++i)
    y[i] = __builtin_shufflevector(x[i], x[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
           __builtin_shufflevector(x[i], x[i + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  for (int i = 0; i < 2; ++i)
    z[i] = __builtin_shufflevector(y[i], y[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           __builtin_shufflevector(y[i], y[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  return __builtin_shufflevector(z[0], z[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
         __builtin_shufflevector(z[0], z[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
#elif defined(__AVX2__)
  V x[4], y[2];
  for (int i = 0; i < 4; ++i)
    x[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11) +
           __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  for (int i = 0; i < 2; ++i)
    y[i] = __builtin_shufflevector(x[i], x[i + 2], 0, 1, 8, 9, 4, 5, 12, 13) +
           __builtin_shufflevector(x[i], x[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  return __builtin_shufflevector(y[0], y[1], 0, 8, 2, 10, 4, 12, 6, 14) +
         __builtin_shufflevector(y[0], y[1], 1, 9, 3, 11, 5, 13, 7, 15);
#else
  V x[2];
  for (int i = 0; i < 2; ++i)
    x[i] = __builtin_shufflevector(a[i], a[i + 2], 0, 1, 4, 5) + __builtin_shufflevector(a[i], a[i + 2], 2, 3, 6, 7);
  return __builtin_shufflevector(x[0], x[1], 0, 4, 2, 6) + __builtin_shufflevector(x[0], x[1], 1, 5, 3, 7);
#endif
}

// total + products of neighbouring lanes, added in pairs: total[i] + a[2i] b[2i] + a[2i+1] b[2i+1].
INLINE I add_pairs(I total, H a, H b) {
#if defined(__AVX512VNNI__)
  return reinterpret_cast<I>(_mm512_dpwssd_epi32(reinterpret_cast<__m512i>(total), reinterpret_cast<__m512i>(a),
                                                 reinterpret_cast<__m512i>(b)));
#elif defined(__AVX512BW__)
  return total + reinterpret_cast<I>(_mm512_madd_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return total + reinterpret_cast<I>(_mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
  return total + reinterpret_cast<I>(_mm_madd_epi16(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  const I x = reinterpret_cast<I>(a), y = reinterpret_cast<I>(b);  // little-endian: the even lane is the low half
  return total + ((x << 16) >> 16) * ((y << 16) >> 16) + (x >> 16) * (y >> 16);
#endif
}

// Bytes, sign-extended to half-width integers. GCC 12 splits the plain conversion in two.
INLINE H widen(const std::int8_t* p) {
#if defined(__AVX512BW__)
  return reinterpret_cast<H>(_mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
#elif defined(__AVX2__)
  return reinterpret_cast<H>(_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#else
  typedef std::int8_t UnalignedB __attribute__((vector_size(2 * W), aligned(1), may_alias));
  return __builtin_convertvector(*reinterpret_cast<const UnalignedB*>(p), H);
#endif
}

INLINE bool any(I mask) {
  typedef std::int64_t L __attribute__((vector_size(4 * W)));
  const L pairs = reinterpret_cast<L>(mask);
  std::int64_t bits = 0;
  for (std::size_t i = 0; i < W / 2; ++i) bits |= pairs[i];
  return bits != 0;
}

// The first `count` < W floats at p, the other lanes `rest`; and their store. Memory past them is not touched.
#if defined(__AVX2__) && !defined(__AVX512F__)
INLINE __m256i first_lanes(std::int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif
INLINE F load_first(const float* p, std::int64_t count, float rest) {
#if defined(__AVX512F__)
  const auto lanes = static_cast<__mmask16>((1u << count) - 1);
  return reinterpret_cast<F>(_mm512_mask_loadu_ps(reinterpret_cast<__m512>(splat(rest)), lanes, p));
#elif defined(__AVX2__)
  const __m256i lanes = first_lanes(count);
  return select(reinterpret_cast<I>(lanes), reinterpret_cast<F>(_mm256_maskload_ps(p, lanes)), splat(rest));
#else
  F v = splat(rest);
  for (std::int64_t lane = 0; lane < count; ++lane) v[lane] = p[lane];
  return v;
#endif
}
INLINE void store_first(float* p, F v, std::int64_t count) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), reinterpret_cast<__m512>(v));
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, first_lanes(count), reinterpret_cast<__m256>(v));
#else
  for (std::int64_t lane = 0; lane < count; ++lane) p[lane] = v[lane];
#endif
}

INLINE F sqrt(F v) {
#if defined(__AVX512F__)
  return reinterpret_cast<F>(_mm512_maskz_sqrt_ps(0xffff, reinterpret_cast<__m512>(v)));  // else GCC 12 warns
#elif defined(__AVX2__)
  return reinterpret_cast<F>(_mm256_sqrt_ps(reinterpret_cast<__m256>(v)));
#elif defined(__SSE2__)
  return reinterpret_cast<F>(_mm_sqrt_ps(reinterpret_cast<__m128>(v)));
#else
  for (std::size_t lane = 0; lane < W; ++lane) v[lane] = __builtin_sqrtf(v[lane]);
  return v;
#endif
}

// 1 / sqrt(v) for normal v > 0, to 3 ulp: an estimate and a step of Newton's method.
INLINE F reciprocal_sqrt(F v) {
#if defined(__AVX512F__)
  const F y = reinterpret_cast<F>(_mm512_maskz_rsqrt14_ps(0xffff, reinterpret_cast<__m512>(v)));
#elif defined(__AVX2__)
  const F y = reinterpret_cast<F>(_mm256_rsqrt_ps(reinterpret_cast<__m256>(v)));
#elif defined(__SSE2__)
  const F y = reinterpret_cast<F>(_mm_rsqrt_ps(reinterpret_cast<__m128>(v)));
#else
  return splat(1) / sqrt(v);
#endif
#if defined(__SSE2__)
  return y * (splat(1.5f) - splat(0.5f) * v * y * y);
#endif
}

INLINE float greatest(F v) {
  float high = v[0];
  for (std::size_t lane = 1; lane < W; ++lane) high = v[lane] > high ? v[lane] : high;
  return high;
}

// A store past the caches, for what is too large to stay in them; p is aligned to a vector. stream_end() orders such
// stores before later ones.
INLINE void stream(float* p, F v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, reinterpret_cast<__m512>(v));
#elif defined(__AVX2__)
  _mm256_stream_ps(p, reinterpret_cast<__m256>(v));
#elif defined(__SSE2__)
  _mm_stream_ps(p, reinterpret_cast<__m128>(v));
#else
  store(p, v);
#endif
}
INLINE void stream_end() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// W / 2 floats as float64, for sums that many terms go into.
typedef double D __attribute__((vector_size(4 * W)));
INLINE D widen(const float* p) {
  typedef float UnalignedHalf __attribute__((vector_size(2 * W), aligned(4), may_alias));
  return __builtin_convertvector(*reinterpret_cast<const UnalignedHalf*>(p), D);
}
INLINE double sum(D v) {
  double total = 0;
  for (std::size_t lane = 0; lane < W / 2; ++lane) total += v[lane];
  return total;
}

INLINE void prefetch_read(const void* p) { __builtin_prefetch(p, 0, 3); }
INLINE void prefetch_write(const void* p) { __builtin_prefetch(p, 1, 3); }

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
