// CTC on every instruction set against the sum over all paths.
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "levels.h"

namespace {

using namespace lexigrad;

// The logarithm of the probability that the frames spell the target, by adding up every path.
double by_force(const std::vector<double>& log_p, std::int64_t T, std::int64_t V,
                const std::vector<std::int64_t>& target) {
  double total = 0;
  std::vector<std::int64_t> path(T, 0);
  for (;;) {
    std::vector<std::int64_t> spelt;
    double log_path = 0;
    for (std::int64_t t = 0; t < T; ++t) {
      log_path += log_p[t * V + path[t]];
      if (path[t] != 0 && (t == 0 || path[t] != path[t - 1])) spelt.push_back(path[t]);
    }
    if (spelt == target) total += std::exp(log_path);
    std::int64_t t = 0;
    while (t < T && ++path[t] == V) path[t++] = 0;
    if (t == T) return std::log(total);
  }
}

void test_all_paths(const Kernels& k) {
  constexpr std::int64_t T = 5, V = 3;
  std::mt19937 random(1);
  std::normal_distribution<float> value;
  std::vector<float> logits(T * V);
  for (auto& v : logits) v = value(random);
  std::vector<double> log_p(T * V);
  for (std::int64_t t = 0; t < T; ++t) {
    double total = 0;
    for (std::int64_t v = 0; v < V; ++v) total += std::exp(logits[t * V + v]);
    for (std::int64_t v = 0; v < V; ++v) log_p[t * V + v] = logits[t * V + v] - std::log(total);
  }
  const std::vector<std::vector<std::int64_t>> targets{{},        {1},       {1, 2},          {1, 1},
                                                       {2, 1, 2}, {1, 1, 1}, {1, 2, 1, 2, 1}, {1, 1, 1, 1}};
  for (const auto& target : targets) {
    const std::int64_t length = T;
    const std::vector<std::int64_t> offsets{0, static_cast<std::int64_t>(target.size())};
    double loss = 0;
    std::vector<float> gradient(T * V + 1, 7.0f);
    const Ctc a{logits.data(), T, 1, V, true, &length, target.data(), offsets.data(), 0, &loss, gradient.data()};
    std::vector<float> workspace(k.ctc_workspace(a, 0) + 16);
    k.ctc(a, 0, workspace.data());
    CHECK(gradient.back() == 7.0f);
    const double exact = by_force(log_p, T, V, target);
    if (std::isinf(exact)) {
      CHECK(std::isinf(loss) && loss > 0);
      for (std::int64_t i = 0; i < T * V; ++i) CHECK(gradient[i] == 0);
      continue;
    }
    CHECK_NEAR(loss, -exact, 1e-5);
    for (std::int64_t t = 0; t < T; ++t) {
      double total = 0;  // of a row: softmax minus posteriors
      for (std::int64_t v = 0; v < V; ++v) total += gradient[t * V + v];
      CHECK_NEAR(total, 0, 1e-5);
    }
  }
}

}  // namespace

int main() {
  for (const Kernels& k : levels()) test_all_paths(k);
  return 0;
}
