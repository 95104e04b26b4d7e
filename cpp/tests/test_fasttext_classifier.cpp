// The kernel of fastText's classifier on every instruction set against the baseline, on small random models.
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

enum class Loss { softmax, negative, hierarchical, one_vs_all };

struct Setting {
  std::int64_t size;
  std::int32_t labels;
  int word_ngrams;
  Loss loss;
};

constexpr std::int32_t kWords = 30;
constexpr std::int64_t kBlock = 16, kBuckets = 25;

struct Model {
  Setting setting;
  std::int64_t stride;
  std::vector<std::int32_t> tokens, ngrams, hashes;
  std::vector<std::int64_t> offsets;
  std::vector<AliasEntry> alias;
  Huffman tree;
  Block<float> input, buckets, rows, nodes;
  TrainingTotals totals;

  explicit Model(const Setting& s) : setting(s), stride((s.size + 15) / 16 * 16) {
    std::mt19937 random(static_cast<unsigned>(s.size));
    tokens = token_stream(kWords + s.labels, kBlock, random);
    offsets.push_back(0);
    for (std::int32_t w = 0; w < kWords; ++w) {
      for (unsigned own = random() % 5; own > 0; --own)
        ngrams.push_back(static_cast<std::int32_t>(random() % kBuckets));
      offsets.push_back(static_cast<std::int64_t>(ngrams.size()));
      hashes.push_back(static_cast<std::int32_t>(random()));
    }
    std::vector<std::int64_t> counts;
    for (std::int32_t k = 0; k < s.labels; ++k) counts.push_back(1 + static_cast<std::int64_t>(random() % 100));
    alias.resize(counts.size());
    alias_table(counts.data(), s.labels, 0.5, alias.data());
    tree = huffman(counts.data(), s.labels);
    std::uniform_real_distribution<float> value(-0.5f, 0.5f);
    const auto fill = [&](Block<float>& matrix, std::int64_t count) {
      matrix = aligned<float>(static_cast<std::size_t>(count * stride));
      for (std::int64_t i = 0; i < count * s.size; ++i) matrix[i / s.size * stride + i % s.size] = value(random);
    };
    fill(input, kWords);
    fill(buckets, kBuckets);
    fill(rows, s.labels);
    fill(nodes, s.labels - 1);
  }

  void train(const Kernels& kernels) {
    const Setting& s = setting;
    const auto width = static_cast<std::int64_t>(kernels.width);
    FastTextClassifier a{};
    a.tokens = tokens.data();
    a.size = static_cast<std::int64_t>(tokens.size());
    a.words = kWords;
    a.input = input.get();
    a.buckets = buckets.get();
    a.stride = stride;
    a.padded_size = (s.size + width - 1) / width * width;
    a.bucket_count = kBuckets;
    a.offsets = offsets.data();
    a.ngrams = ngrams.data();
    a.word_ngrams = s.word_ngrams;
    a.hashes = hashes.data();
    a.end_word = s.word_ngrams - 2;
    a.end_hash = 99;
    a.key = 7;
    a.compute_loss = true;
    Outputs& o = a.outputs;
    o.vocabulary = s.labels;
    o.stride = stride;
    o.rows = rows.get();
    o.negative = s.loss == Loss::negative ? 5 : 0;
    o.softmax = s.loss == Loss::softmax;
    o.one_vs_all = s.loss == Loss::one_vs_all;
    o.alias = alias.data();
    o.hierarchical = s.loss == Loss::hierarchical;
    o.nodes = nodes.get();
    o.path_offsets = tree.offsets.data();
    o.path_nodes = tree.nodes.data();
    o.path_labels = tree.labels.data();
    o.longest_path = s.labels;
    const std::size_t bytes = kernels.fasttext_classifier_workspace(a);
    CHECK(bytes % 64 == 0);
    const auto workspace = aligned<char>(bytes);
    for (std::int64_t begin = 0; begin < a.size; begin += kBlock) {
      const std::int64_t end = std::min(a.size, begin + kBlock);
      kernels.fasttext_classifier(a, begin, end, 0.05f, workspace.get(), totals);
    }
  }

  void check_equal_to(const Model& other) const {
    check_equal(input, other.input, kWords * stride);
    check_equal(buckets, other.buckets, kBuckets * stride);
    check_equal(rows, other.rows, setting.labels * stride);
    check_equal(nodes, other.nodes, (setting.labels - 1) * stride);
  }
};

void check_setting(const std::vector<Kernels>& all, const Setting& s) {
  Model expected(s);
  expected.train(all[0]);
  CHECK(!expected.totals.diverged && !expected.totals.unknown_token);
  CHECK(expected.totals.kept > 0 && expected.totals.predictions > 0 && std::isfinite(expected.totals.loss));
  for (std::size_t level = 1; level < all.size(); ++level) {
    Model model(s);
    model.train(all[level]);
    model.check_equal_to(expected);
    CHECK_NEAR(model.totals.loss, expected.totals.loss, 1e-4 * (1 + expected.totals.loss));
    CHECK(model.totals.predictions == expected.totals.predictions && model.totals.kept == expected.totals.kept);
  }
}

void test_settings(const std::vector<Kernels>& all) {
  for (const std::int64_t size : {1, 17, 100}) {
    for (const std::int32_t labels : {1, 7, 60}) {
      for (const int word_ngrams : {1, 3}) {
        for (const Loss loss : {Loss::softmax, Loss::negative, Loss::hierarchical, Loss::one_vs_all}) {
          check_setting(all, {size, labels, word_ngrams, loss});
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
