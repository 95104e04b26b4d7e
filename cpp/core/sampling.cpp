#include "core/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lexigrad {

void keep_limits(const std::int64_t* counts, std::int64_t size, double sample, std::uint32_t* limits) {
  const double total = std::accumulate(counts, counts + size, 0.0);
  const double threshold = sample < 1 ? sample * total : sample * (3 + std::sqrt(5.0)) / 2;
  for (std::int64_t w = 0; w < size; ++w) {
    const double n = static_cast<double>(std::max<std::int64_t>(counts[w], 1));
    const double keep = (std::sqrt(n / threshold) + 1) * (threshold / n);
    limits[w] = keep >= 1 ? UINT32_MAX : static_cast<std::uint32_t>(keep * 4294967295.0);
  }
}

void alias_table(const std::int64_t* counts, std::int64_t size, double exponent, AliasEntry* table) {
  std::vector<double> share(static_cast<std::size_t>(size));
  double total = 0;
  for (std::int64_t w = 0; w < size; ++w) {
    share[w] = std::pow(static_cast<double>(std::max<std::int64_t>(counts[w], 0)), exponent);
    total += share[w];
  }
  std::vector<std::int32_t> small, large;
  for (std::int64_t w = 0; w < size; ++w) {
    share[w] *= static_cast<double>(size) / total;  // 1 is a full column
    (share[w] < 1 ? small : large).push_back(static_cast<std::int32_t>(w));
  }
  while (!small.empty() && !large.empty()) {
    const std::int32_t poor = small.back(), rich = large.back();
    small.pop_back();
    table[poor] = {static_cast<std::uint32_t>(share[poor] * 4294967295.0), rich};
    share[rich] -= 1 - share[poor];
    if (share[rich] < 1) {
      large.pop_back();
      small.push_back(rich);
    }
  }
  // What is left is full but for rounding.
  for (const auto& rest : {small, large}) {
    for (std::int32_t w : rest) table[w] = {UINT32_MAX, w};
  }
}

Huffman huffman(const std::int64_t* counts, std::int64_t size) {
  Huffman tree;
  tree.offsets.assign(static_cast<std::size_t>(size) + 1, 0);
  if (size < 2) return tree;
  // Two queues in rising order: the leaves, and the inner nodes, which come into being in rising order.
  std::vector<std::int32_t> leaves(static_cast<std::size_t>(size));
  std::iota(leaves.begin(), leaves.end(), 0);
  std::stable_sort(leaves.begin(), leaves.end(), [&](auto a, auto b) { return counts[a] < counts[b]; });
  const std::int64_t inner = size - 1;
  std::vector<std::int64_t> weight(static_cast<std::size_t>(inner));
  std::vector<std::int64_t> parent(static_cast<std::size_t>(size + inner), -1);  // leaves, then inner nodes
  std::vector<char> code(static_cast<std::size_t>(size + inner), 0);
  std::int64_t leaf = 0, node = 0;
  for (std::int64_t made = 0; made < inner; ++made) {
    auto lightest = [&]() -> std::pair<std::int64_t, std::int64_t> {
      if (leaf < size && (node >= made || counts[leaves[leaf]] < weight[node])) {
        const std::int32_t word = leaves[leaf++];
        return {word, counts[word]};
      }
      const std::int64_t chosen = node++;
      return {size + chosen, weight[chosen]};
    };
    const auto [left, left_weight] = lightest();
    const auto [right, right_weight] = lightest();
    weight[made] = left_weight + right_weight;
    parent[left] = parent[right] = size + made;
    code[right] = 1;
  }
  std::vector<std::pair<std::int32_t, float>> path;
  for (std::int64_t w = 0; w < size; ++w) {
    path.clear();
    for (std::int64_t at = w; parent[at] >= 0; at = parent[at]) {
      path.emplace_back(static_cast<std::int32_t>(parent[at] - size), code[at] ? 0.0f : 1.0f);
    }
    tree.offsets[w + 1] = tree.offsets[w] + static_cast<std::int64_t>(path.size());
    for (auto step = path.rbegin(); step != path.rend(); ++step) {
      tree.nodes.push_back(step->first);
      tree.labels.push_back(step->second);
    }
  }
  return tree;
}

}  // namespace lexigrad
