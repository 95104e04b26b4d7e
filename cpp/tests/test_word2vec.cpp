// The word2vec kernel on every instruction set against the baseline, on small random models of odd sizes. Every array
// is a heap block of exactly its size, so that a sanitizer sees a step too far.
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
  std::int64_t window;
  bool skip_gram, mean, shrink, locked, subsampled;
  int negative;
  bool hierarchical, softmax;
};

constexpr std::int64_t kBlock = 32;
constexpr float kAlpha =
    0.001f;  // wide windows over two words take 64 times 21 such steps at once: no more, or they diverge

struct Model {
  Setting setting;
  std::int64_t stride;
  std::vector<std::int32_t> tokens;
  std::vector<std::uint32_t> keep;
  std::vector<float> lock;
  std::vector<AliasEntry> alias;
  Huffman tree;
  Block<float> input, rows, nodes;
  TrainingTotals totals;

  explicit Model(const Setting& s) : setting(s), stride((s.size + 15) / 16 * 16) {
    std::mt19937 random(static_cast<unsigned>(s.size * 1000 + s.vocabulary));
    tokens = token_stream(s.vocabulary, kBlock, random);
    std::vector<std::int64_t> counts;
    for (std::int32_t w = 0; w < s.vocabulary; ++w) counts.push_back(1 + static_cast<std::int64_t>(random() % 100));
    keep.resize(counts.size());
    for (auto& limit : keep) limit = random() % 2 ? UINT32_MAX : 0xB0000000u;
    lock.resize(counts.size());
    for (auto& factor : lock) factor = static_cast<float>(random() % 3) / 2;
    alias.resize(counts.size());
    alias_table(counts.data(), s.vocabulary, 0.75, alias.data());
    tree = huffman(counts.data(), s.vocabulary);
    std::uniform_real_distribution<float> value(-0.5f, 0.5f);
    const auto fill = [&](Block<float>& matrix, std::int64_t count) {
      matrix = aligned<float>(static_cast<std::size_t>(count * stride));
      for (std::int64_t i = 0; i < count * s.size; ++i) matrix[i / s.size * stride + i % s.size] = value(random);
    };
    fill(input, s.vocabulary);
    if (s.negative > 0 || s.softmax) fill(rows, s.vocabulary);
    if (s.hierarchical) fill(nodes, s.vocabulary - 1);
  }

  Word2Vec arguments() {
    const Setting& s = setting;
    Word2Vec a{};
    a.corpus.tokens = tokens.data();
    a.corpus.size = static_cast<std::int64_t>(tokens.size());
    a.input = input.get();
    a.stride = a.padded_size = stride;
    a.lock = s.locked ? lock.data() : nullptr;
    a.corpus.keep = s.subsampled ? keep.data() : nullptr;
    a.outputs.rows = rows.get();
    a.outputs.nodes = nodes.get();
    a.outputs.stride = stride;
    a.corpus.vocabulary = a.outputs.vocabulary = s.vocabulary;
    a.outputs.negative = s.negative;
    a.outputs.alias = s.negative ? alias.data() : nullptr;
    a.outputs.hierarchical = s.hierarchical;
    if (s.hierarchical) {
      a.outputs.path_offsets = tree.offsets.data();
      a.outputs.path_nodes = tree.nodes.data();
      a.outputs.path_labels = tree.labels.data();
      for (std::int32_t w = 0; w < s.vocabulary; ++w) {
        a.outputs.longest_path =
            std::max(a.outputs.longest_path, static_cast<int>(tree.offsets[w + 1] - tree.offsets[w]));
      }
    }
    a.outputs.softmax = s.softmax;
    a.corpus.window = s.window;
    a.corpus.shrink_windows = s.shrink;
    a.skip_gram = s.skip_gram;
    a.mean = s.mean;
    a.compute_loss = true;
    a.corpus.key = 42;
    a.corpus.longest_block = kBlock;
    return a;
  }

  void train(const Kernels& kernels) {
    const Word2Vec a = arguments();
    const std::size_t bytes = kernels.word2vec_workspace(a);
    CHECK(bytes % 64 == 0);
    const auto workspace = aligned<char>(bytes);
    for (std::int64_t begin = 0; begin < a.corpus.size; begin += kBlock) {
      kernels.word2vec(a, begin, std::min(a.corpus.size, begin + kBlock), kAlpha, workspace.get(), totals);
    }
  }

  void check_padding(const Block<float>& matrix, std::int64_t count) const {
    for (std::int64_t i = 0; matrix && i < count * stride; ++i) {
      if (i % stride >= setting.size) CHECK(matrix[i] == 0);
    }
  }
};

void check_setting(const std::vector<Kernels>& all, const Setting& s) {
  Model expected(s);
  const Model untrained(s);
  expected.train(all[0]);
  CHECK(!expected.totals.diverged && !expected.totals.unknown_token);
  CHECK(std::isfinite(expected.totals.loss) && expected.totals.loss >= 0);
  CHECK(expected.totals.kept > 0 && expected.totals.predictions > 0);
  if (s.vocabulary > 1 && !s.locked) {
    CHECK(std::memcmp(expected.input.get(), untrained.input.get(), sizeof(float) * s.vocabulary * expected.stride) !=
          0);
  }
  for (std::size_t level = 0; level < all.size(); ++level) {
    Model model(s);
    model.train(all[level]);
    if (level > 0) {
      check_equal(model.input, expected.input, s.vocabulary * model.stride);
      check_equal(model.rows, expected.rows, s.vocabulary * model.stride);
      check_equal(model.nodes, expected.nodes, (s.vocabulary - 1) * model.stride);
      CHECK_NEAR(model.totals.loss, expected.totals.loss, 1e-4 * (1 + expected.totals.loss));
      CHECK(model.totals.predictions == expected.totals.predictions && model.totals.kept == expected.totals.kept);
    }
    model.check_padding(model.input, s.vocabulary);
    model.check_padding(model.rows, s.vocabulary);
    model.check_padding(model.nodes, s.vocabulary - 1);
  }
}

void test_settings(const std::vector<Kernels>& all) {
  struct Objective {
    int negative;
    bool hierarchical, softmax;
  };
  int turn = 0;
  for (const std::int64_t size : {1, 15, 16, 17, 100}) {
    for (const std::int32_t vocabulary : {1, 2, 50}) {
      for (const std::int64_t window : {1, 5, 100}) {
        for (const bool skip_gram : {false, true}) {
          for (const Objective& o : {Objective{5, false, false}, Objective{20, false, false}, Objective{0, true, false},
                                     Objective{5, true, false}, Objective{0, false, true}}) {
            ++turn;  // the other switches take turns
            const Setting s{size,          vocabulary,   window,     skip_gram,      turn % 2 == 0, turn % 3 != 0,
                            turn % 4 == 0, turn % 5 < 2, o.negative, o.hierarchical, o.softmax};
            check_setting(all, s);
          }
        }
      }
    }
  }
}

// A window of any size, in a stream of any size, within one block.
void test_short_streams(const std::vector<Kernels>& all) {
  for (const Kernels& kernels : all) {
    for (const std::int64_t window : {std::int64_t{1}, std::int64_t{7}, std::int64_t{1} << 40, INT64_MAX}) {
      for (const std::vector<std::int32_t>& tokens : std::vector<std::vector<std::int32_t>>{
               {}, {-1}, {0}, {0, -1}, {-1, 0}, {0, 1}, {-1, -1, 0, -1, -1}, {1, -1, 2, -1, 3}, {0, 1, 2, 3}}) {
        for (const bool skip_gram : {false, true}) {
          Model model({8, 4, window, skip_gram, true, true, false, false, 3, false, false});
          model.tokens = tokens;
          model.tokens.shrink_to_fit();
          model.train(kernels);
          const auto words = std::count_if(tokens.begin(), tokens.end(), [](auto id) { return id >= 0; });
          CHECK(model.totals.kept == words);
        }
      }
    }
  }
}

void test_unknown_tokens(const std::vector<Kernels>& all) {
  for (const Kernels& kernels : all) {
    for (const std::size_t at : {0, 31, 32, 40, 100}) {
      Model model({16, 50, 5, true, true, true, false, true, 5, false, false});
      model.tokens[at] = 50;
      model.train(kernels);
      CHECK(model.totals.unknown_token);
    }
  }
}

void test_divergence(const std::vector<Kernels>& all) {
  for (const Kernels& kernels : all) {
    for (const float bad : {INFINITY, NAN}) {
      for (const int objective : {0, 1, 2}) {
        for (const bool skip_gram : {false, true}) {
          Model model(
              {16, 50, 5, skip_gram, true, true, false, false, objective == 0 ? 5 : 0, objective == 1, objective == 2});
          model.input[model.tokens[1] < 0 ? model.tokens[2] * 16 : model.tokens[1] * 16] = bad;
          model.train(kernels);
          CHECK(model.totals.diverged);
        }
      }
    }
  }
}

}  // namespace

int main() {
  const auto all = levels();
  test_settings(all);
  test_short_streams(all);
  test_unknown_tokens(all);
  test_divergence(all);
  return 0;
}
