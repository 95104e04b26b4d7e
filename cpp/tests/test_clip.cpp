// Norms, scaling and limits on every instruction set against plain loops.
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "levels.h"

namespace {

using namespace lexigrad;

void test_sizes(const Kernels& k) {
  for (const std::int64_t size : {0, 1, 3, 7, 8, 9, 16, 31, 33, 100, 1000}) {
    std::mt19937 random(static_cast<unsigned>(size));
    std::normal_distribution<float> value(0, 1e20f);
    std::vector<float> x(size + 1);
    double squares = 0, high = 0;
    for (auto& v : x) v = value(random);
    for (std::int64_t i = 0; i < size; ++i) {
      squares += static_cast<double>(x[i]) * x[i];
      high = std::max<double>(high, std::abs(x[i]));
    }
    CHECK_NEAR(k.sum_of_squares(x.data(), size), squares, 1e-12 * squares);
    CHECK(k.greatest_magnitude(x.data(), size) == static_cast<float>(high));
    auto scaled = x, clamped = x;
    k.scale(scaled.data(), size, 0.25f);
    k.clamp(clamped.data(), size, 5e19f);
    for (std::int64_t i = 0; i < size; ++i) {
      CHECK(scaled[i] == 0.25f * x[i]);
      CHECK(clamped[i] == std::min(std::max(x[i], -5e19f), 5e19f));
    }
    CHECK(scaled[size] == x[size] && clamped[size] == x[size]);
    if (size == 0) continue;
    x[size / 2] = NAN;
    CHECK(std::isnan(k.greatest_magnitude(x.data(), size)));
    CHECK(std::isnan(k.sum_of_squares(x.data(), size)));
    k.clamp(x.data(), size, 1.0f);
    CHECK(std::isnan(x[size / 2]));
  }
}

}  // namespace

int main() {
  for (const Kernels& k : levels()) test_sizes(k);
  return 0;
}
