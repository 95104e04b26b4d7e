// The optimisers' rules on every instruction set: any cut gives the same bits, and nothing is written past a stretch.
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "levels.h"

namespace {

using namespace lexigrad;

constexpr std::int64_t kSize = 103;
constexpr float kGuard = 12345;

struct Memory {
  std::vector<float> parameter, gradient, state[3];

  Memory() {
    std::mt19937 random(1);
    std::normal_distribution<float> value;
    const auto fill = [&](std::vector<float>& v) {
      v.resize(kSize + 1);
      for (auto& x : v) x = std::abs(value(random)) + 0.1f;
      v.back() = kGuard;
    };
    fill(parameter);
    fill(gradient);
    for (auto& s : state) fill(s);
    for (std::int64_t i = 0; i < kSize; ++i) state[1][i] *= 0.1f;  // a mean whose square is below the mean square
    for (std::int64_t i = 0; i < kSize; ++i) state[0][i] += 1;
  }

  ParameterSpan span(std::int64_t begin, std::int64_t end) {
    return {&parameter[begin], &gradient[begin], {&state[0][begin], &state[1][begin], &state[2][begin]}, end - begin};
  }
};

template <typename Rule>
Memory check_cuts(void (*kernel)(const Rule&, const ParameterSpan&), const Rule& rule) {
  Memory whole;
  kernel(rule, whole.span(0, kSize));
  for (const std::int64_t cut : {1, 5, 16, 50, 102}) {
    Memory parts;
    kernel(rule, parts.span(0, cut));
    kernel(rule, parts.span(cut, kSize));
    CHECK(parts.parameter == whole.parameter);
    for (int s = 0; s < 3; ++s) CHECK(parts.state[s] == whole.state[s]);
  }
  CHECK(whole.parameter.back() == kGuard);
  return whole;
}

void test_rules(const Kernels& k) {
  Memory old;
  const Memory plain = check_cuts(k.sgd, SgdRule{0.5f, 0.1f, 0.01f, 0, 1, false});
  const Memory nesterov = check_cuts(k.sgd, SgdRule{1, 0, 0.01f, 0.9f, 0.8f, true});
  const Memory adagrad = check_cuts(k.adagrad, AdagradRule{1, 0, 0.01f, 1e-10f});
  const Memory adam = check_cuts(k.adam, AdamRule{1, 0, 0.99f, 0.01f, 0.1f, 0.999f, 0.001f, 2.0f, 1e-8f});
  for (const bool centered : {false, true}) {
    for (const float momentum : {0.0f, 0.9f}) {
      check_cuts(k.rmsprop, RmspropRule{1, 0.1f, 0.01f, 0.99f, 0.01f, 1e-8f, momentum, centered});
    }
  }
  for (std::int64_t i = 0; i < kSize; ++i) {
    const double p = old.parameter[i], g = old.gradient[i], a = old.state[0][i], b = old.state[1][i];
    CHECK_NEAR(plain.parameter[i], p - 0.01 * (0.5 * g + 0.1 * p), 1e-6);
    CHECK_NEAR(nesterov.parameter[i], p - 0.01 * (g + 0.9 * (0.9 * a + 0.8 * g)), 1e-6);
    CHECK_NEAR(adagrad.parameter[i], p - 0.01 * g / std::sqrt(a + g * g), 1e-6);
    const double m = a + 0.1 * (g - a), v = 0.999 * b + 0.001 * g * g;
    CHECK_NEAR(adam.parameter[i], 0.99 * p - 0.01 * m / (2 * std::sqrt(v)), 1e-6);
  }
}

}  // namespace

int main() {
  for (const Kernels& k : levels()) test_rules(k);
  return 0;
}
