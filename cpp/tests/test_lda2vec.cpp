// The lda2vec kernel on every instruction set against the baseline, on small random models of odd sizes. Every array is
// a heap block of exactly its size, so that a sanitizer sees a step too far.
#include <algorithm>
#include <random>
#include <vector>

#include "blocks.h"
#include "check.h"
#include "core/sampling.h"
#include "levels.h"

namespace {

using namespace lexigrad;

struct Setting {
  std::int64_t size;  // of the vectors
  std::int32_t vocabulary;
  int topics, negative;
  std::int64_t window;
  bool shrink, train_topics;
};

constexpr std::int64_t kBlock = 32;
constexpr float kAlpha = 0.001f;

struct Model {
  Setting setting;
  std::int64_t stride;
  std::vector<std::int32_t> tokens;
  std::vector<std::int64_t> ends;
  std::vector<AliasEntry> alias;
  Block<float> input, rows, topics, weights;
  TrainingTotals totals;

  explicit Model(const Setting& s) : setting(s), stride((s.size + 15) / 16 * 16) {
    std::mt19937 random(static_cast<unsigned>(s.size * 1000 + s.vocabulary));
    take_tokens(token_stream(s.vocabulary, kBlock, random));
    std::vector<std::int64_t> counts;
    for (std::int32_t w = 0; w < s.vocabulary; ++w) counts.push_back(1 + static_cast<std::int64_t>(random() % 100));
    alias.resize(counts.size());
    alias_table(counts.data(), s.vocabulary, 0.75, alias.data());
    std::uniform_real_distribution<float> value(-0.5f, 0.5f);
    const auto fill = [&](Block<float>& matrix, std::int64_t count) {
      matrix = aligned<float>(static_cast<std::size_t>(count * stride));
      for (std::int64_t i = 0; i < count * s.size; ++i) matrix[i / s.size * stride + i % s.size] = value(random);
    };
    fill(input, s.vocabulary);
    fill(rows, s.vocabulary);
    fill(topics, s.topics);
  }

  void take_tokens(std::vector<std::int32_t> stream) {
    tokens = std::move(stream);
    if (!tokens.empty()) tokens.back() = -1;
    tokens.shrink_to_fit();
    ends.clear();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] < 0) ends.push_back(static_cast<std::int64_t>(i));
    }
    weights = aligned<float>(std::max<std::size_t>(1, ends.size() * static_cast<std::size_t>(setting.topics)));
  }

  Lda2Vec arguments() {
    const Setting& s = setting;
    Lda2Vec a{};
    a.corpus.tokens = tokens.data();
    a.corpus.size = static_cast<std::int64_t>(tokens.size());
    a.corpus.vocabulary = a.outputs.vocabulary = s.vocabulary;
    a.corpus.window = s.window;
    a.corpus.shrink_windows = s.shrink;
    a.corpus.key = 42;
    a.corpus.longest_block = kBlock;
    a.input = input.get();
    a.topic_vectors = topics.get();
    a.weights = weights.get();
    a.stride = a.padded_size = a.outputs.stride = stride;
    a.topics = s.topics;
    a.ends = ends.data();
    a.documents = static_cast<std::int64_t>(ends.size());
    a.outputs.rows = rows.get();
    a.outputs.negative = s.negative;
    a.outputs.alias = alias.data();
    a.train_topics = s.train_topics;
    a.prior = 0.1f;
    a.strength = 1;
    a.document_rate = 5;
    a.compute_loss = true;
    return a;
  }

  void train(const Kernels& kernels) {
    const Lda2Vec a = arguments();
    const std::size_t bytes = kernels.lda2vec_workspace(a);
    CHECK(bytes % 64 == 0);
    const auto workspace = aligned<char>(bytes);
    for (std::int64_t begin = 0; begin < a.corpus.size; begin += kBlock) {
      kernels.lda2vec(a, begin, std::min(a.corpus.size, begin + kBlock), kAlpha, workspace.get(), totals);
    }
  }
};

void check_setting(const std::vector<Kernels>& all, const Setting& s) {
  Model expected(s);
  expected.train(all[0]);
  CHECK(!expected.totals.diverged && !expected.totals.unknown_token);
  CHECK(std::isfinite(expected.totals.loss) && expected.totals.loss >= 0);
  CHECK(expected.totals.kept > 0 && expected.totals.predictions > 0);
  for (std::size_t level = 1; level < all.size(); ++level) {
    Model model(s);
    model.train(all[level]);
    check_equal(model.input, expected.input, s.vocabulary * model.stride);
    check_equal(model.rows, expected.rows, s.vocabulary * model.stride);
    check_equal(model.topics, expected.topics, s.topics * model.stride);
    check_equal(model.weights, expected.weights, static_cast<std::int64_t>(model.ends.size()) * s.topics);
    CHECK_NEAR(model.totals.loss, expected.totals.loss, 1e-4 * (1 + expected.totals.loss));
    CHECK(model.totals.predictions == expected.totals.predictions && model.totals.kept == expected.totals.kept);
  }
}

void test_settings(const std::vector<Kernels>& all) {
  int turn = 0;
  for (const std::int64_t size : {1, 17, 100}) {
    for (const std::int32_t vocabulary : {1, 2, 50}) {
      for (const int topics : {1, 3, 19}) {
        for (const std::int64_t window : {std::int64_t{1}, std::int64_t{5}, std::int64_t{100}, INT64_MAX}) {
          ++turn;  // the switches take turns
          check_setting(all, {size, vocabulary, topics, turn % 2 ? 5 : 12, window, turn % 3 == 0, turn % 5 != 0});
        }
      }
    }
  }
}

void test_short_streams(const std::vector<Kernels>& all) {
  for (const Kernels& kernels : all) {
    for (const std::vector<std::int32_t>& tokens : std::vector<std::vector<std::int32_t>>{
             {}, {-1}, {0, -1}, {-1, 0, -1}, {-1, -1, 0, -1, -1}, {1, -1, 2, -1, 3, -1}, {0, 1, 2, 3, -1}}) {
      Model model({8, 4, 3, 5, 7, true, true});
      model.take_tokens(tokens);
      model.train(kernels);
      CHECK(model.totals.kept == std::count_if(tokens.begin(), tokens.end(), [](auto id) { return id >= 0; }));
    }
  }
}

void test_unknown_tokens_and_divergence(const std::vector<Kernels>& all) {
  for (const Kernels& kernels : all) {
    Model unknown({16, 50, 3, 5, 5, true, true});
    unknown.tokens[40] = 50;
    unknown.train(kernels);
    CHECK(unknown.totals.unknown_token);
    for (const float bad : {INFINITY, NAN}) {
      Model model({16, 50, 3, 5, 5, false, true});
      model.topics[0] = bad;
      model.train(kernels);
      CHECK(model.totals.diverged);
    }
  }
}

}  // namespace

int main() {
  const auto all = levels();
  test_settings(all);
  test_short_streams(all);
  test_unknown_tokens_and_divergence(all);
  return 0;
}
