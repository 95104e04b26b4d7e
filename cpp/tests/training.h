// What the tests of the trainers' kernels share: exact memory blocks, a stream of word ids.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "check.h"

namespace {

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

constexpr std::int64_t kBlock = 32;

// A stream whose sentences end now and then, and just before, at and after the blocks' borders.
std::vector<std::int32_t> random_stream(std::int32_t vocabulary, std::mt19937& random) {
  std::vector<std::int32_t> tokens(5 * kBlock + 7);
  for (auto& token : tokens) {
    token = random() % 23 == 0 ? -1 : static_cast<std::int32_t>(random() % static_cast<unsigned>(vocabulary));
  }
  tokens[kBlock - 1] = tokens[2 * kBlock] = tokens[3 * kBlock] = tokens[3 * kBlock - 1] = -1;
  for (std::int64_t i = 3 * kBlock + 1; i < 5 * kBlock; ++i) tokens[i] = std::max(tokens[i], 0);  // spans a border
  return tokens;
}

void check_equal(const Block<float>& a, const Block<float>& b, std::int64_t count) {
  CHECK(!a == !b);
  for (std::int64_t i = 0; a && i < count; ++i) CHECK_NEAR(a[i], b[i], 2e-4 * (1 + std::abs(b[i])));
}

}  // namespace
