// exp, log, sigmoid, tanh and softplus against libm in float64. Compiled once per instruction set.
#include <algorithm>
#include <cmath>
#include <limits>

#include "check.h"
#include "kernels/mathfun.h"
#include "runs_here.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// Distance in units of the last place of the exact value as a float.
double ulps(float got, double exact) {
  const auto rounded = static_cast<float>(exact);
  const float next = std::nextafter(rounded, std::numeric_limits<float>::infinity());
  return std::abs(got - exact) / (static_cast<double>(next) - rounded);
}

template <typename Function, typename Exact>
void check_near(const char* name, Function function, Exact exact, double begin, double end, double bound) {
  constexpr int kPoints = 400'000;
  double worst = 0;
  for (int i = 0; i <= kPoints; i += static_cast<int>(W)) {
    F x{};
    for (std::size_t lane = 0; lane < W; ++lane) {
      x[lane] = static_cast<float>(begin + (end - begin) * std::min(kPoints, i + static_cast<int>(lane)) / kPoints);
    }
    const F y = function(x);
    for (std::size_t lane = 0; lane < W; ++lane) {
      worst = std::max(worst, ulps(y[lane], exact(static_cast<double>(x[lane]))));
    }
  }
  std::printf("%s on [%g, %g]: %.2f ulp\n", name, begin, end, worst);
  CHECK(worst < bound);
}

// Not inlined: main must not need the instructions before it has asked for them.
__attribute__((noinline)) void run() {
  const auto exp_of = [](F x) { return exp(x); };
  const auto log_of = [](F x) { return log(x); };
  const auto sigmoid_of = [](F x) { return sigmoid(x); };
  const auto exact_sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  check_near("exp", exp_of, [](double x) { return std::exp(x); }, -87.2, 88.2, 2);
  check_near("log", log_of, [](double x) { return std::log(x); }, 1.2e-38, 1e-30, 2);
  check_near("log", log_of, [](double x) { return std::log(x); }, 1e-3, 0.9, 2);
  check_near("log", log_of, [](double x) { return std::log(x); }, 1.1, 1e6, 2);
  check_near("log", log_of, [](double x) { return std::log(x); }, 1e30, 3e38, 2);
  check_near("sigmoid", sigmoid_of, exact_sigmoid, -87, 87, 3);
  const auto tanh_of = [](F x) { return tanh(x); };
  const auto exact_tanh = [](double x) { return std::tanh(x); };
  for (const double end : {1e-30, 1e-6, 1e-3, 0.1, 1.0, 9.0, 100.0})
    check_near("tanh", tanh_of, exact_tanh, -end, end, 6);
  // softplus is a logarithm of a sum: its error is that of a float near 1.
  for (double x = -100; x <= 100; x += 0.01) {
    const auto wide = static_cast<float>(x);
    const double exact = std::max<double>(wide, 0) + std::log1p(std::exp(-std::abs(static_cast<double>(wide))));
    CHECK_NEAR(softplus(splat(wide))[0], exact, 2e-7 * std::max(1.0, exact));
  }
  // The ends of the range, and what lies beyond it.
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(exp(splat(-inf))[0] > 0 && exp(splat(-inf))[0] < 2e-38f);
  CHECK(exp(splat(inf))[0] > 2e38f && exp(splat(inf))[0] < inf);
  CHECK(sigmoid(splat(inf))[0] == 1);
  CHECK(sigmoid(splat(-inf))[0] >= 0 && sigmoid(splat(-inf))[0] < 1e-37f);
  CHECK(tanh(splat(inf))[0] == 1 && tanh(splat(-inf))[0] == -1 && tanh(splat(0.0f))[0] == 0);
  const F nan = splat(std::numeric_limits<float>::quiet_NaN());
  CHECK(std::isnan(exp(nan)[0]) && std::isnan(sigmoid(nan)[0]) && std::isnan(tanh(nan)[0]));
  CHECK(exp(splat(0.0f))[0] == 1 && log(splat(1.0f))[0] == 0 && sigmoid(splat(0.0f))[0] == 0.5f);
}

}  // namespace
}  // namespace lexigrad::LEXIGRAD_ISA

int main() {
  if (!runs_here()) return kSkipped;
  lexigrad::LEXIGRAD_ISA::run();
  return 0;
}
