// Linear layers on every instruction set against plain loops, with the same bits from any number of threads.
#include <array>
#include <random>
#include <vector>

#include "check.h"
#include "core/linear.h"
#include "levels.h"

namespace {

using namespace lexigrad;

std::vector<float> random_values(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> value;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = value(random);
  return values;
}

void test_layer(const Kernels& k, std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
  const auto x = random_values(rows * inputs, 1), weight = random_values(outputs * inputs, 2);
  const auto bias = random_values(outputs, 3), dy = random_values(rows * outputs, 4);
  const Linear layer{rows, inputs, outputs, x.data(), weight.data()};
  const auto at = [](const std::vector<float>& m, std::int64_t i, std::int64_t j, std::int64_t columns) -> double {
    return m[static_cast<std::size_t>(i * columns + j)];
  };
  std::vector<float> y(dy.size()), dx(x.size()), dweight(weight.size()), dbias(bias.size());
  linear_forward(k, layer, bias.data(), y.data(), 1);
  linear_backward(k, layer, dy.data(), {dx.data(), dweight.data(), dbias.data()}, 1);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      double exact = bias[static_cast<std::size_t>(o)];
      for (std::int64_t j = 0; j < inputs; ++j) exact += at(x, i, j, inputs) * at(weight, o, j, inputs);
      CHECK_NEAR(at(y, i, o, outputs), exact, 1e-3);
    }
    for (std::int64_t j = 0; j < inputs; ++j) {
      double exact = 0;
      for (std::int64_t o = 0; o < outputs; ++o) exact += at(dy, i, o, outputs) * at(weight, o, j, inputs);
      CHECK_NEAR(at(dx, i, j, inputs), exact, 1e-3);
    }
  }
  for (std::int64_t o = 0; o < outputs; ++o) {
    double sum = 0;
    for (std::int64_t i = 0; i < rows; ++i) sum += at(dy, i, o, outputs);
    CHECK_NEAR(dbias[static_cast<std::size_t>(o)], sum, 1e-3);
    for (std::int64_t j = 0; j < inputs; ++j) {
      double exact = 0;
      for (std::int64_t i = 0; i < rows; ++i) exact += at(dy, i, o, outputs) * at(x, i, j, inputs);
      CHECK_NEAR(at(dweight, o, j, inputs), exact, 1e-3);
    }
  }
  for (const int threads : {2, 3}) {
    std::vector<float> y2(y.size()), dx2(dx.size()), dweight2(dweight.size()), dbias2(dbias.size());
    linear_forward(k, layer, bias.data(), y2.data(), threads);
    linear_backward(k, layer, dy.data(), {dx2.data(), dweight2.data(), dbias2.data()}, threads);
    CHECK(y2 == y && dx2 == dx && dweight2 == dweight && dbias2 == dbias);
  }
  linear_forward(k, layer, nullptr, y.data(), 1);
  CHECK_NEAR(
      y[0],
      [&] {
        double exact = 0;
        for (std::int64_t j = 0; j < inputs; ++j) exact += at(x, 0, j, inputs) * at(weight, 0, j, inputs);
        return exact;
      }(),
      1e-3);
  linear_backward(k, layer, dy.data(), {nullptr, nullptr, dbias.data()}, 2);
}

}  // namespace

int main() {
  for (const Kernels& k : levels()) {
    for (const std::int64_t rows : {1, 4, 5, 8, 9, 48, 49, 200}) {
      for (const std::int64_t inputs : {1, 31, 40}) {
        for (const std::int64_t outputs : {1, 33, 130}) test_layer(k, rows, inputs, outputs);
      }
    }
    test_layer(k, 300, 70, 300);
    for (const auto& [rows, inputs, outputs] : {std::array{1100, 40, 35}, {13, 2100, 35}, {13, 35, 2100}}) {
      test_layer(k, rows, inputs, outputs);  // more than stays in a cache at once
    }
  }
  return 0;
}
