// The fastText kernel on every instruction set against the baseline, on small random models of odd sizes.
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "blocks.h"
#include "check.h"
#include "core/sampling.h"
#include "levels.h"

namespace {

using namespace lexigrad;

struct Setting {
  std::int64_t size, window;
  std::int32_t vocabulary;
  bool skip_gram, mean, hierarchical;
};

constexpr std::int64_t kBlock = 32, kBuckets = 25;

struct Model {
  Setting setting;
  std::int64_t stride, most_ngrams = 0;
  std::vector<std::int32_t> tokens, ngrams;
  std::vector<std::int64_t> offsets;
  std::vector<AliasEntry> alias;
  Huffman tree;
  Block<float> input, buckets, rows, nodes;
  TrainingTotals totals;

  explicit Model(const Setting& s) : setting(s), stride((s.size + 15) / 16 * 16) {
    std::mt19937 random(static_cast<unsigned>(s.size));
    tokens = token_stream(s.vocabulary, kBlock, random);
    offsets.push_back(0);
    std::vector<std::int64_t> counts;
    for (std::int32_t w = 0; w < s.vocabulary; ++w) {
      const auto own = static_cast<std::int64_t>(random() % 20);
      for (std::int64_t i = 0; i < own; ++i) ngrams.push_back(static_cast<std::int32_t>(random() % kBuckets));
      offsets.push_back(static_cast<std::int64_t>(ngrams.size()));
      most_ngrams = std::max(most_ngrams, own);
      counts.push_back(1 + static_cast<std::int64_t>(random() % 100));
    }
    alias.resize(counts.size());
    alias_table(counts.data(), s.vocabulary, 0.5, alias.data());
    tree = huffman(counts.data(), s.vocabulary);
    std::uniform_real_distribution<float> value(-0.5f, 0.5f);
    const auto fill = [&](Block<float>& matrix, std::int64_t count) {
      matrix = aligned<float>(static_cast<std::size_t>(count * stride));
      for (std::int64_t i = 0; i < count * s.size; ++i) matrix[i / s.size * stride + i % s.size] = value(random);
    };
    fill(input, s.vocabulary);
    fill(buckets, kBuckets);
    fill(rows, s.vocabulary);
    fill(nodes, s.vocabulary - 1);
  }

  void train(const Kernels& kernels) {
    const Setting& s = setting;
    const auto width = static_cast<std::int64_t>(kernels.width);
    FastText a{};
    Word2Vec& words = a.words;
    words.corpus.tokens = tokens.data();
    words.corpus.size = static_cast<std::int64_t>(tokens.size());
    words.corpus.vocabulary = words.outputs.vocabulary = s.vocabulary;
    words.corpus.window = s.window;
    words.corpus.shrink_windows = true;
    words.corpus.key = 7;
    words.corpus.longest_block = kBlock;
    words.input = input.get();
    words.stride = stride;
    words.padded_size = (s.size + width - 1) / width * width;
    words.skip_gram = s.skip_gram;
    words.mean = s.mean;
    words.compute_loss = true;
    Outputs& o = words.outputs;
    o.stride = stride;
    o.negative = s.hierarchical ? 0 : 5;
    o.rows = rows.get();
    o.alias = alias.data();
    o.hierarchical = s.hierarchical;
    o.nodes = nodes.get();
    o.path_offsets = tree.offsets.data();
    o.path_nodes = tree.nodes.data();
    o.path_labels = tree.labels.data();
    o.longest_path = s.vocabulary;
    a.buckets = buckets.get();
    a.offsets = offsets.data();
    a.ngrams = ngrams.data();
    a.most_ngrams = most_ngrams;
    const std::size_t bytes = kernels.fasttext_workspace(a);
    CHECK(bytes % 64 == 0);
    const auto workspace = aligned<char>(bytes);
    for (std::int64_t begin = 0; begin < words.corpus.size; begin += kBlock) {
      const std::int64_t end = std::min(words.corpus.size, begin + kBlock);
      kernels.fasttext(a, begin, end, 0.005f, workspace.get(), totals);
    }
  }

  void check_equal_to(const Model& other) const {
    check_equal(input, other.input, setting.vocabulary * stride);
    check_equal(buckets, other.buckets, kBuckets * stride);
    check_equal(rows, other.rows, setting.vocabulary * stride);
    check_equal(nodes, other.nodes, (setting.vocabulary - 1) * stride);
  }
};

void check_setting(const std::vector<Kernels>& all, const Setting& s) {
  Model expected(s);
  expected.train(all[0]);
  CHECK(!expected.totals.diverged && !expected.totals.unknown_token && expected.totals.kept > 0);
  CHECK(std::isfinite(expected.totals.loss));
  for (std::size_t level = 1; level < all.size(); ++level) {
    Model model(s);
    model.train(all[level]);
    model.check_equal_to(expected);
    CHECK_NEAR(model.totals.loss, expected.totals.loss, 1e-4 * (1 + expected.totals.loss));
    CHECK(model.totals.predictions == expected.totals.predictions && model.totals.kept == expected.totals.kept);
  }
}

void test_settings(const std::vector<Kernels>& all) {
  for (const std::int64_t size : {1, 15, 17, 100}) {
    for (const std::int64_t window : {1, 5, 50}) {
      for (const std::int32_t vocabulary : {1, 30}) {
        for (const bool hierarchical : {false, true}) {
          for (int kind = 0; kind < 3; ++kind) {  // skip-gram; CBOW: mean, sum
            check_setting(all, {size, window, vocabulary, kind == 0, kind == 1, hierarchical});
          }
        }
      }
    }
  }
}

}  // namespace

int main() {
  test_settings(levels());
  return 0;
}
