// What training needs to know of the words' counts: which occurrences to keep, negative samples, Huffman codes.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace lexigrad {

// Subsampling of frequent words by gensim's and word2vec's rule. An occurrence of a word of count n stays with
// probability min(1, (sqrt(n / t) + 1) * t / n), t = sample * total (sample < 1) or sample * (3 + sqrt(5)) / 2.
// limits[w] is that probability on the scale of 32 random bits, UINT32_MAX for 1.
void keep_limits(const std::int64_t* counts, std::int64_t size, double sample, std::uint32_t* limits);

// Walker's alias table (Vose 1991) of the distribution proportional to counts^exponent.
void alias_table(const std::int64_t* counts, std::int64_t size, double exponent, AliasEntry* table);

// The Huffman tree over the counts. A word's path leads from the root (node size - 2) down to its leaf.
struct Huffman {
  std::vector<std::int64_t> offsets;  // (size + 1)
  std::vector<std::int32_t> nodes;
  std::vector<float> labels;  // 1 - code
};
Huffman huffman(const std::int64_t* counts, std::int64_t size);

}  // namespace lexigrad
