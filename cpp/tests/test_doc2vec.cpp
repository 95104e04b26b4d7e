// The doc2vec kernel on every instruction set against the baseline, on small random models of odd sizes.
#include <algorithm>
#include <cmath>
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
  std::int64_t size;
  bool skip_gram, train_words, mean, concatenate, hierarchical, tagged, locked, frozen;
};

constexpr std::int32_t kVocabulary = 30;
constexpr std::int64_t kBlock = 32, kWindow = 3, kTags = 40;

struct Model {
  Setting setting;
  std::int64_t stride, places, places_stride;
  std::vector<std::int32_t> tokens, tags;
  std::vector<std::int64_t> ends, tag_offsets;
  std::vector<float> lock;
  std::vector<AliasEntry> alias;
  Huffman tree;
  Block<float> input, documents, padding, rows, nodes;
  TrainingTotals totals;

  explicit Model(const Setting& s) : setting(s), stride((s.size + 15) / 16 * 16) {
    places = s.concatenate ? (1 + 2 * kWindow) * s.size : s.size;
    places_stride = (places + 15) / 16 * 16;
    std::mt19937 random(static_cast<unsigned>(s.size));
    tokens = token_stream(kVocabulary, kBlock, random);
    tokens.back() = -1;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] < 0) ends.push_back(static_cast<std::int64_t>(i));
    }
    tag_offsets.push_back(0);
    for (std::size_t d = 0; d < ends.size(); ++d) {
      for (unsigned count = s.concatenate ? 1 : random() % 3; count > 0; --count) {
        tags.push_back(static_cast<std::int32_t>(random() % kTags));
      }
      tag_offsets.push_back(static_cast<std::int64_t>(tags.size()));
    }
    for (std::int64_t t = 0; t < kTags; ++t) lock.push_back(static_cast<float>(random() % 3) / 2);
    std::vector<std::int64_t> counts;
    for (std::int32_t w = 0; w < kVocabulary; ++w) counts.push_back(1 + static_cast<std::int64_t>(random() % 100));
    alias.resize(counts.size());
    alias_table(counts.data(), kVocabulary, 0.75, alias.data());
    tree = huffman(counts.data(), kVocabulary);
    std::uniform_real_distribution<float> value(-0.5f, 0.5f);
    const auto fill = [&](Block<float>& matrix, std::int64_t count, std::int64_t size) {
      const std::int64_t padded = (size + 15) / 16 * 16;
      matrix = aligned<float>(static_cast<std::size_t>(count * padded));
      for (std::int64_t i = 0; i < count * size; ++i) matrix[i / size * padded + i % size] = value(random);
    };
    fill(input, kVocabulary, s.size);
    fill(documents, kTags, s.size);
    fill(padding, 1, s.size);
    fill(rows, kVocabulary, places);
    fill(nodes, kVocabulary - 1, places);
  }

  void train(const Kernels& kernels) {
    const Setting& s = setting;
    const auto width = static_cast<std::int64_t>(kernels.width);
    Doc2Vec a{};
    Word2Vec& words = a.words;
    words.corpus.tokens = tokens.data();
    words.corpus.size = static_cast<std::int64_t>(tokens.size());
    words.corpus.vocabulary = words.outputs.vocabulary = kVocabulary;
    words.corpus.window = kWindow;
    words.corpus.shrink_windows = !s.concatenate;
    words.corpus.key = 7;
    words.corpus.longest_block = kBlock;
    words.input = s.skip_gram && !s.train_words ? nullptr : input.get();
    words.stride = stride;
    words.padded_size = (s.size + width - 1) / width * width;
    words.skip_gram = s.skip_gram;
    words.mean = s.mean;
    words.compute_loss = true;
    Outputs& o = words.outputs;
    o.stride = places_stride;
    o.frozen = s.frozen;
    o.negative = s.hierarchical ? 0 : 5;
    o.rows = rows.get();
    o.alias = alias.data();
    o.hierarchical = s.hierarchical;
    o.nodes = nodes.get();
    o.path_offsets = tree.offsets.data();
    o.path_nodes = tree.nodes.data();
    o.path_labels = tree.labels.data();
    o.longest_path = kVocabulary;
    a.rows = documents.get();
    a.lock = s.locked ? lock.data() : nullptr;
    a.ends = ends.data();
    a.documents = static_cast<std::int64_t>(ends.size());
    a.tag_offsets = s.tagged ? tag_offsets.data() : nullptr;
    a.tags = tags.data();
    a.most_tags = s.concatenate || !s.tagged ? 1 : 2;
    a.train_words = s.train_words;
    a.concatenate = s.concatenate;
    a.padding = padding.get();
    a.size = s.size;
    a.places_size = (places + width - 1) / width * width;
    CHECK(s.tagged || a.documents <= kTags);
    const std::size_t bytes = kernels.doc2vec_workspace(a);
    CHECK(bytes % 64 == 0);
    const auto workspace = aligned<char>(bytes);
    for (std::int64_t begin = 0; begin < words.corpus.size; begin += kBlock) {
      kernels.doc2vec(a, begin, std::min(words.corpus.size, begin + kBlock), 0.01f, workspace.get(), totals);
    }
  }

  void check_equal_to(const Model& other) const {
    check_equal(input, other.input, kVocabulary * stride);
    check_equal(documents, other.documents, kTags * stride);
    check_equal(padding, other.padding, stride);
    check_equal(rows, other.rows, kVocabulary * places_stride);
    check_equal(nodes, other.nodes, (kVocabulary - 1) * places_stride);
  }
};

void check_setting(const std::vector<Kernels>& all, const Setting& s) {
  const Model untrained(s);
  Model expected(s);
  expected.train(all[0]);
  CHECK(!expected.totals.diverged && !expected.totals.unknown_token && expected.totals.kept > 0);
  CHECK(std::isfinite(expected.totals.loss) && expected.totals.loss > 0);
  CHECK(std::memcmp(expected.documents.get(), untrained.documents.get(), sizeof(float) * kTags * expected.stride) != 0);
  if (s.frozen) {
    check_equal(expected.input, untrained.input, kVocabulary * expected.stride);
    check_equal(expected.rows, untrained.rows, kVocabulary * expected.places_stride);
    check_equal(expected.nodes, untrained.nodes, (kVocabulary - 1) * expected.places_stride);
  }
  for (std::size_t level = 1; level < all.size(); ++level) {
    Model model(s);
    model.train(all[level]);
    model.check_equal_to(expected);
    CHECK_NEAR(model.totals.loss, expected.totals.loss, 1e-4 * (1 + expected.totals.loss));
    CHECK(model.totals.predictions == expected.totals.predictions && model.totals.kept == expected.totals.kept);
  }
}

void test_settings(const std::vector<Kernels>& all) {
  int turn = 0;
  for (const std::int64_t size : {1, 15, 16, 17, 100}) {
    for (const bool hierarchical : {false, true}) {
      for (const bool frozen : {false, true}) {
        for (int kind = 0; kind < 5; ++kind, ++turn) {  // PV-DBOW, with words; PV-DM: mean, sum, concatenation
          check_setting(all, {size, kind < 2, kind == 1 && !frozen, kind == 2, kind == 4, hierarchical, turn % 2 == 0,
                              turn % 3 == 0, frozen});
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
