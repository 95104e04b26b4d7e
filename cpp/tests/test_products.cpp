// The small products of a training step against plain loops in float64. Compiled once per instruction set.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "check.h"
#include "kernels/products.h"
#include "runs_here.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// Made at its first use: this file's code must not run before main has seen that the CPU has the instructions.
float draw() {
  static std::mt19937 random_bits(7);
  return std::uniform_real_distribution<float>(-1, 1)(random_bits);
}

// Rows that lie anywhere: each in a block of its own, of exactly its size.
struct Rows {
  std::vector<std::vector<float>> values;
  std::vector<float*> at;

  Rows(int count, std::size_t size) : values(static_cast<std::size_t>(count), std::vector<float>(size)) {
    for (auto& row : values) {
      std::generate(row.begin(), row.end(), draw);
      at.push_back(row.data());
    }
  }
};

void check_scores(int M, int N, std::size_t size) {
  const Rows a(M, size), b(N, size);
  const std::ptrdiff_t ld = padded_columns(N);
  std::vector<float> out(static_cast<std::size_t>(M * ld), -99.0f);
  scores(a.at.data(), M, b.at.data(), N, size, out.data());
  for (int m = 0; m < M; ++m) {
    for (int k = 0; k < N; ++k) {
      double exact = 0;
      for (std::size_t i = 0; i < size; ++i) exact += static_cast<double>(a.at[m][i]) * b.at[k][i];
      CHECK_NEAR(out[static_cast<std::size_t>(m * ld + k)], exact, 1e-6 * static_cast<double>(size + 8));
    }
  }
}

void check_update(int M, int N, std::size_t size, bool in_place) {
  Rows a(M, size), b(N, size);
  Rows steps(M, size);
  const auto step = in_place ? a : steps;
  const Rows a0 = a, b0 = b;
  const std::ptrdiff_t ld = padded_columns(N);
  std::vector<float> g(static_cast<std::size_t>(M * ld));
  std::generate(g.begin(), g.end(), draw);
  float** targets = in_place ? a.at.data() : steps.at.data();
  Rows later(2, size);  // prefetched, not changed
  const float* soon[] = {later.at[0], later.at[1]};
  Ahead ahead{soon, 2};
  update(a.at.data(), targets, M, b.at.data(), N, size, g.data(), ahead);
  CHECK(ahead.count == 0);
  for (std::size_t i = 0; i < size; ++i) {
    for (int m = 0; m < M; ++m) {
      double exact = step.values[m][i];
      for (int k = 0; k < N; ++k) exact += static_cast<double>(g[m * ld + k]) * b0.values[k][i];
      CHECK_NEAR(targets[m][i], exact, 1e-5);
    }
    for (int k = 0; k < N; ++k) {
      double exact = b0.values[k][i];
      for (int m = 0; m < M; ++m) exact += static_cast<double>(g[m * ld + k]) * a0.values[m][i];
      CHECK_NEAR(b.at[k][i], exact, 1e-5);
    }
  }
}

// Not inlined: main must not need the instructions before it has asked for them.
__attribute__((noinline)) void run() {
  for (int M = 1; M <= kMostRows; ++M) {
    for (int N = 1; N <= 26; ++N) {
      for (const std::size_t size : {16, 48, 112}) {
        check_scores(M, N, size);
        check_update(M, N, size, false);
        check_update(M, N, size, true);
      }
    }
  }
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA

int main() {
  if (!runs_here()) return kSkipped;
  lexigrad::LEXIGRAD_ISA::run();
  return 0;
}
