// The AdaGram kernel on every instruction set against the baseline, on small random models of odd sizes. Every array is
// a heap block of exactly its size, so that a sanitizer sees a step too far.
#include <algorithm>
#include <cstring>
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
  int prototypes;
  std::int64_t window;
  bool shrink, several_workers;
};

constexpr std::int64_t kBlock = 32;
constexpr float kAlpha = 0.01f;

struct Model {
  Setting setting;
  std::int64_t stride;
  std::vector<std::int32_t> tokens;
  std::vector<std::int64_t> counts;
  Huffman tree;
  Block<float> input, nodes, occurrences;
  TrainingTotals totals;

  explicit Model(const Setting& s) : setting(s), stride((s.size + 15) / 16 * 16) {
    std::mt19937 random(static_cast<unsigned>(s.size * 1000 + s.vocabulary));
    tokens = token_stream(s.vocabulary, kBlock, random);
    for (std::int32_t w = 0; w < s.vocabulary; ++w) counts.push_back(1 + static_cast<std::int64_t>(random() % 100));
    tree = huffman(counts.data(), s.vocabulary);
    std::uniform_real_distribution<float> value(-0.5f, 0.5f);
    const auto fill = [&](Block<float>& matrix, std::int64_t count) {
      matrix = aligned<float>(static_cast<std::size_t>(count * stride));
      for (std::int64_t i = 0; i < count * s.size; ++i) matrix[i / s.size * stride + i % s.size] = value(random);
    };
    fill(input, s.vocabulary * s.prototypes);
    fill(nodes, s.vocabulary - 1);
    occurrences = aligned<float>(static_cast<std::size_t>(s.vocabulary * s.prototypes));
    for (std::int32_t w = 0; w < s.vocabulary; ++w) occurrences[w * s.prototypes] = static_cast<float>(counts[w]);
  }

  AdaGram arguments() {
    const Setting& s = setting;
    AdaGram a{};
    a.corpus.tokens = tokens.data();
    a.corpus.size = static_cast<std::int64_t>(tokens.size());
    a.corpus.vocabulary = a.outputs.vocabulary = s.vocabulary;
    a.corpus.window = s.window;
    a.corpus.shrink_windows = s.shrink;
    a.corpus.key = 42;
    a.corpus.longest_block = kBlock;
    a.input = input.get();
    a.stride = a.padded_size = a.outputs.stride = stride;
    a.occurrences = occurrences.get();
    a.counts = counts.data();
    a.prototypes = s.prototypes;
    a.alpha = 0.5f;
    a.d = 0.1f;
    a.sense_threshold = 1e-6f;
    a.outputs.nodes = nodes.get();
    a.outputs.hierarchical = true;
    a.outputs.path_offsets = tree.offsets.data();
    a.outputs.path_nodes = tree.nodes.data();
    a.outputs.path_labels = tree.labels.data();
    for (std::int32_t w = 0; w < s.vocabulary; ++w) {
      const auto length = static_cast<int>(tree.offsets[w + 1] - tree.offsets[w]);
      a.outputs.longest_path = std::max(a.outputs.longest_path, length);
    }
    a.compute_loss = true;
    a.several_workers = s.several_workers;
    return a;
  }

  void train(const Kernels& kernels) {
    const AdaGram a = arguments();
    const std::size_t bytes = kernels.adagram_workspace(a);
    CHECK(bytes % 64 == 0);
    const auto workspace = aligned<char>(bytes);
    for (std::int64_t begin = 0; begin < a.corpus.size; begin += kBlock) {
      kernels.adagram(a, begin, std::min(a.corpus.size, begin + kBlock), kAlpha, workspace.get(), totals);
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
    check_equal(model.input, expected.input, s.vocabulary * s.prototypes * model.stride);
    check_equal(model.nodes, expected.nodes, (s.vocabulary - 1) * model.stride);
    check_equal(model.occurrences, expected.occurrences, s.vocabulary * s.prototypes);
    CHECK_NEAR(model.totals.loss, expected.totals.loss, 1e-4 * (1 + expected.totals.loss));
    CHECK(model.totals.predictions == expected.totals.predictions && model.totals.kept == expected.totals.kept);
  }
}

void test_settings(const std::vector<Kernels>& all) {
  int turn = 0;
  for (const std::int64_t size : {1, 17, 100}) {
    for (const std::int32_t vocabulary : {1, 2, 50}) {
      for (const int prototypes : {1, 3, 16, 19}) {
        for (const std::int64_t window : {std::int64_t{1}, std::int64_t{5}, std::int64_t{100}, INT64_MAX}) {
          ++turn;  // the switches take turns
          check_setting(all, {size, vocabulary, prototypes, window, turn % 2 == 0, turn % 3 == 0});
        }
      }
    }
  }
}

void test_short_streams(const std::vector<Kernels>& all) {
  for (const Kernels& kernels : all) {
    for (const std::vector<std::int32_t>& tokens : std::vector<std::vector<std::int32_t>>{
             {}, {-1}, {0}, {0, -1}, {-1, 0}, {0, 1}, {-1, -1, 0, -1, -1}, {1, -1, 2, -1, 3}, {0, 1, 2, 3}}) {
      Model model({8, 4, 3, 7, true, false});
      model.tokens = tokens;
      model.tokens.shrink_to_fit();
      model.train(kernels);
      CHECK(model.totals.kept == std::count_if(tokens.begin(), tokens.end(), [](auto id) { return id >= 0; }));
    }
  }
}

void test_unknown_tokens_and_divergence(const std::vector<Kernels>& all) {
  for (const Kernels& kernels : all) {
    Model unknown({16, 50, 3, 5, true, false});
    unknown.tokens[40] = 50;
    unknown.train(kernels);
    CHECK(unknown.totals.unknown_token);
    for (const float bad : {INFINITY, NAN}) {
      Model model({16, 50, 3, 5, false, false});
      model.nodes[48 * 16] = bad;  // the root
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
