// Counting on two threads against one, and in stretches against the whole; meant to run under ThreadSanitizer as well.
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "check.h"
#include "core/cooccurrence.h"

namespace {

using namespace lexigrad;

constexpr std::int32_t kVocabulary = 3000;

std::vector<std::int32_t> random_tokens(unsigned seed, int size) {
  std::mt19937 random(seed);
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < size; ++i) {
    const unsigned word = random() % kVocabulary;
    tokens.push_back(random() % 20 ? static_cast<std::int32_t>(random() % (word + 1)) : -1);
  }
  return tokens;
}

struct Matrix {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  std::vector<float> values;

  explicit Matrix(const std::vector<RowBlock>& blocks) {
    for (const auto& block : blocks) {
      for (const std::int64_t size : block.sizes) offsets.push_back(offsets.back() + size);
      columns.insert(columns.end(), block.columns.begin(), block.columns.end());
      values.insert(values.end(), block.values.begin(), block.values.end());
    }
    CHECK(offsets.back() == static_cast<std::int64_t>(columns.size()));
  }
  SparseRows rows() const { return {offsets.data(), columns.data(), values.data()}; }
  bool operator==(const Matrix&) const = default;
};

Matrix counted(const std::vector<std::int32_t>& tokens, std::int64_t begin, std::int64_t end, int threads) {
  const CooccurrenceCounter counter(tokens, begin, end, kVocabulary, {{1, 0.5, 0.25, 0.125}, true}, threads);
  return Matrix(counter.rows(0, kVocabulary));
}

void test_threads_and_stretches_change_nothing() {
  const auto tokens = random_tokens(1, 200'000);
  const auto size = static_cast<std::int64_t>(tokens.size());
  const Matrix whole = counted(tokens, 0, size, 1);
  CHECK(counted(tokens, 0, size, 2) == whole);
  const Matrix parts[] = {counted(tokens, 0, 1, 2), counted(tokens, 1, 90'001, 2), counted(tokens, 90'001, size, 2)};
  const SparseRows rows[] = {parts[0].rows(), parts[1].rows(), parts[2].rows()};
  CHECK(Matrix(merged_rows(rows, 0, kVocabulary, kVocabulary, 1)) == whole);
  CHECK(Matrix(merged_rows(rows, 0, kVocabulary, kVocabulary, 2)) == whole);
}

void test_information_moves_rows_together() {
  Matrix first = counted(random_tokens(2, 100'000), 0, 100'000, 2), second = first;
  const std::vector<double> logs(kVocabulary, 0.5);
  std::int64_t kept = 0;
  for (const auto& [matrix, threads] : {std::pair(&first, 1), std::pair(&second, 2)}) {
    kept = positive_information(kVocabulary, matrix->offsets.data(), matrix->columns.data(), matrix->values.data(),
                                logs.data(), logs.data(), 0, threads);
    matrix->columns.resize(static_cast<std::size_t>(kept));
    matrix->values.resize(static_cast<std::size_t>(kept));
  }
  CHECK(first == second);
  CHECK(first.offsets.back() == kept);
  for (const float value : first.values) CHECK(value > 0);
}

void test_sentences() {
  const auto tokens = random_tokens(3, 100'000);
  const Matrix rows(sentence_rows(tokens, kVocabulary, 1));
  CHECK(Matrix(sentence_rows(tokens, kVocabulary, 2)) == rows);
  double words = 0;
  for (const float value : rows.values) words += static_cast<double>(value);
  std::int64_t known = 0, seen = 0;
  for (const std::int32_t token : tokens) {
    if (token >= 0) {
      ++seen;
    } else {
      known += seen;
      seen = 0;
    }
  }
  CHECK(words == static_cast<double>(known));
}

}  // namespace

int main() {
  test_threads_and_stretches_change_nothing();
  test_information_moves_rows_together();
  test_sentences();
}
