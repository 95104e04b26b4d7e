// SplitMix64 (Steele, Lea, Flood 2014): random numbers that any thread, and the tests' oracle, can draw again.
#pragma once

#include <cstdint>

#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ull;

INLINE std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// A number that belongs to (key, index): no state, so that it can be had in any order.
INLINE std::uint64_t draw_at(std::uint64_t key, std::uint64_t index) { return mix(key + (index + 1) * kGolden); }

// A sequence of numbers that belongs to a key.
struct Stream {
  std::uint64_t state;

  INLINE std::uint64_t next() { return mix(state += kGolden); }
};

// Uniform over [0, n) from the upper 32 bits of a draw.
INLINE std::uint32_t below(std::uint32_t n, std::uint64_t draw) {
  return static_cast<std::uint32_t>(((draw >> 32) * n) >> 32);
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA
