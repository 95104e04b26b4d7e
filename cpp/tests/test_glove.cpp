// The GloVe kernel on every instruction set against the baseline, on small random counts. Every array is a heap block
// of exactly its size, so that a sanitizer sees a step too far.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "check.h"
#include "levels.h"

namespace {

using namespace lexigrad;

struct Free {
  void operator()(float* p) const { std::free(p); }
};
using Matrix = std::unique_ptr<float[], Free>;

// 64-byte aligned, zero past the vectors' size.
Matrix matrix(std::int64_t rows, std::int64_t size, std::int64_t stride, std::mt19937& random) {
  const auto bytes = static_cast<std::size_t>(rows * stride) * sizeof(float);
  auto* p = static_cast<float*>(std::aligned_alloc(64, bytes));
  std::memset(p, 0, bytes);
  std::uniform_real_distribution<float> value(0, 1);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < size; ++i) p[r * stride + i] = value(random);
  }
  return Matrix(p);
}

struct Result {
  std::vector<float> parameters;
  TrainingTotals totals;
};

Result train(const Kernels& k, std::int64_t vocabulary, std::int64_t size, int damage) {
  std::mt19937 random(static_cast<unsigned>(vocabulary * 1000 + size));
  const std::int64_t stride = (size + 15) / 16 * 16;
  std::vector<std::int64_t> offsets{0}, first_groups;
  std::vector<std::int32_t> columns, group_rows;
  std::vector<float> values, biases(static_cast<std::size_t>(4 * vocabulary), 0.5f);
  for (std::int64_t r = 0; r < vocabulary; ++r) {
    first_groups.push_back(std::ssize(group_rows));
    for (std::int64_t c = 0; c < vocabulary; ++c) {
      if (random() % 3 == 0) continue;
      if ((std::ssize(columns) - offsets.back()) % kGloveGroup == 0) group_rows.push_back(static_cast<std::int32_t>(r));
      columns.push_back(static_cast<std::int32_t>(c));
      values.push_back(0.1f + static_cast<float>(random() % 50));
    }
    offsets.push_back(std::ssize(columns));
  }
  std::vector<std::int32_t> order(group_rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(order.size() - 1 - i);
  if (damage == 1 && !columns.empty()) columns.back() = static_cast<std::int32_t>(vocabulary);
  if (damage == 2 && !order.empty()) order.back() = static_cast<std::int32_t>(order.size());
  if (damage == 3 && !group_rows.empty()) group_rows.back() = -1;
  Matrix m[4];
  for (auto& each : m) each = matrix(vocabulary, size, stride, random);
  const Glove a{.offsets = offsets.data(),
                .columns = columns.data(),
                .values = values.data(),
                .order = order.data(),
                .group_rows = group_rows.data(),
                .first_groups = first_groups.data(),
                .groups = std::ssize(group_rows),
                .vocabulary = vocabulary,
                .words = m[0].get(),
                .contexts = m[1].get(),
                .word_squares = m[2].get(),
                .context_squares = m[3].get(),
                .biases = biases.data(),
                .stride = stride,
                .padded_size = (size + k.width - 1) / k.width * k.width,
                .log_x_max = std::log(10.0f),
                .exponent = 0.75f};
  Result result;
  k.glove(a, 0, a.groups, 0.05f, result.totals);
  for (const auto& each : m)
    result.parameters.insert(result.parameters.end(), &each[0], &each[0] + vocabulary * stride);
  result.parameters.insert(result.parameters.end(), biases.begin(), biases.end());
  return result;
}

}  // namespace

int main() {
  const auto all = levels();
  for (const std::int64_t vocabulary : {1, 2, 16, 17, 60}) {
    for (const std::int64_t size : {1, 7, 16, 17, 100}) {
      const Result expected = train(all.front(), vocabulary, size, 0);
      CHECK(!expected.totals.diverged && !expected.totals.unknown_token);
      for (const Kernels& k : all) {
        const Result found = train(k, vocabulary, size, 0);
        CHECK(found.totals.predictions == expected.totals.predictions);
        CHECK_NEAR(found.totals.loss, expected.totals.loss, 1e-4 * (1 + expected.totals.loss));
        for (std::size_t i = 0; i < expected.parameters.size(); ++i) {
          CHECK_NEAR(found.parameters[i], expected.parameters[i], 1e-4);
        }
        for (const int damage : {1, 2, 3}) {
          CHECK(expected.totals.predictions == 0 || train(k, vocabulary, size, damage).totals.unknown_token);
        }
      }
    }
  }
  return 0;
}
