// What the tests of the trainers on a stream of words share: memory of exactly its size, so that a sanitizer sees a
// step too far, and a stream whose sentences end at awkward places.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "check.h"

namespace lexigrad {

struct Free {
  void operator()(void* p) const { std::free(p); }
};
template <typename T>
using Block = std::unique_ptr<T[], Free>;

// Zeroed, 64-byte aligned; `count` * sizeof(T) is rounded up to whole lines, as the matrices are.
template <typename T>
Block<T> aligned(std::size_t count) {
  const std::size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
  if (bytes == 0) return nullptr;
  void* p = std::aligned_alloc(64, bytes);
  std::memset(p, 0, bytes);
  return Block<T>(static_cast<T*>(p));
}

// A stream whose sentences end now and then, and just before, at and after the blocks' borders.
inline std::vector<std::int32_t> token_stream(std::int32_t vocabulary, std::int64_t block, std::mt19937& random) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(5 * block + 7));
  for (auto& token : tokens) {
    token = random() % 23 == 0 ? -1 : static_cast<std::int32_t>(random() % static_cast<unsigned>(vocabulary));
  }
  tokens[block - 1] = tokens[2 * block] = tokens[3 * block] = tokens[3 * block - 1] = -1;
  for (std::int64_t i = 3 * block + 1; i < 5 * block; ++i) tokens[i] = std::max(tokens[i], 0);  // spans a border
  return tokens;
}

inline void check_equal(const Block<float>& a, const Block<float>& b, std::int64_t count) {
  CHECK(!a == !b);
  for (std::int64_t i = 0; a && i < count; ++i) CHECK_NEAR(a[i], b[i], 2e-4 * (1 + std::abs(b[i])));
}

}  // namespace lexigrad
