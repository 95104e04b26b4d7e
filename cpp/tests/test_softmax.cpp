// Softmax and cross-entropy on every instruction set against float64; nothing is written past a row.
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "levels.h"

namespace {

using namespace lexigrad;

constexpr float kGuard = 12345;

std::vector<float> values(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> value(0, 3);
  std::vector<float> result(count);
  for (auto& v : result) v = value(random);
  return result;
}

double exact_log_sum(const float* x, std::int64_t size) {
  double high = x[0], total = 0;
  for (std::int64_t i = 0; i < size; ++i) high = std::max<double>(high, x[i]);
  for (std::int64_t i = 0; i < size; ++i) total += std::exp(x[i] - high);
  return high + std::log(total);
}

void test_rows(const Kernels& k) {
  for (const std::int64_t size : {1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 2047, 2049, 4100}) {
    const std::int64_t rows = 3;
    const auto x = values(rows * size, static_cast<unsigned>(size)), dy = values(rows * size, 1);
    std::vector<float> y(rows * size + 1, kGuard), z = y, dx = y, dz = y;
    k.softmax_forward({x.data(), size, y.data()}, 0, rows);
    k.log_softmax_forward({x.data(), size, z.data()}, 0, rows);
    k.softmax_backward({y.data(), dy.data(), size, dx.data()}, 0, rows);
    k.log_softmax_backward({z.data(), dy.data(), size, dz.data()}, 0, rows);
    for (const auto* out : {&y, &z, &dx, &dz}) CHECK(out->back() == kGuard);
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* row = &x[r * size];
      const double log_sum = exact_log_sum(row, size);
      double mean = 0, total = 0;
      for (std::int64_t i = 0; i < size; ++i) {
        mean += std::exp(row[i] - log_sum) * dy[r * size + i];
        total += dy[r * size + i];
      }
      for (std::int64_t i = 0; i < size; ++i) {
        const double p = std::exp(row[i] - log_sum), d = dy[r * size + i];
        CHECK_NEAR(y[r * size + i], p, 1e-6);
        CHECK_NEAR(z[r * size + i], row[i] - log_sum, 5e-6);
        CHECK_NEAR(dx[r * size + i], p * (d - mean), 1e-5);
        CHECK_NEAR(dz[r * size + i], d - p * total, 1e-5 * (1 + std::abs(total)));
      }
    }
  }
}

void test_cross_entropy(const Kernels& k) {
  for (const std::int64_t classes : {1, 5, 8, 17, 100, 3001}) {
    const std::int64_t rows = 4;
    const auto x = values(rows * classes, 7);
    const std::vector<std::int64_t> targets{0, classes - 1, -100, classes / 2};
    const std::vector<float> ones(classes, 1.0f);
    std::vector<float> workspace(classes + 16);
    for (const bool weighted : {false, true}) {
      for (const double smoothing : {0.0, 0.1}) {
        for (const bool streaming : {false, true}) {
          std::vector<float> gradient(rows * classes + 1, kGuard);
          std::vector<double> losses(rows);
          CrossEntropy a{x.data(),
                         targets.data(),
                         rows,
                         classes,
                         -100,
                         weighted ? ones.data() : nullptr,
                         static_cast<double>(classes),
                         smoothing,
                         0.5,
                         losses.data(),
                         gradient.data(),
                         streaming};
          k.cross_entropy(a, 0, rows, workspace.data());
          CHECK(gradient.back() == kGuard);
          for (std::int64_t r = 0; r < rows; ++r) {
            const double log_sum = exact_log_sum(&x[r * classes], classes);
            double loss = 0;
            for (std::int64_t c = 0; c < classes; ++c) {
              const bool ignored = targets[r] == -100;
              const double wanted = ignored ? 0 : smoothing / classes + (c == targets[r] ? 1 - smoothing : 0);
              const double log_p = x[r * classes + c] - log_sum;
              loss -= wanted * log_p;
              CHECK_NEAR(gradient[r * classes + c], ignored ? 0 : 0.5 * (std::exp(log_p) - wanted), 2e-6);
            }
            CHECK_NEAR(losses[r], loss, 1e-5 * (1 + loss));
          }
        }
      }
    }
  }
}

}  // namespace

int main() {
  for (const Kernels& k : levels()) {
    test_rows(k);
    test_cross_entropy(k);
  }
  return 0;
}
