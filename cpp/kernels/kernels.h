// Every kernel, declared once: its arguments and its place in the table that dispatch fills for this CPU.
//
// Kernels are pure: one range of work, one thread, raw pointers, no allocation, no exceptions, no Python.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lexigrad {

// Inner products of rows with one query: out[i] = rows[i] . query, for i in [begin, end).
// With `indices`, out[i] = rows[indices[i]] . query.
struct RowDots {
  const float* rows;  // (n, size), `stride` floats from row to row
  std::int64_t stride;
  std::int64_t size;
  const float* query;           // (size)
  const std::int64_t* indices;  // null: the rows themselves
  float* out;
};

// One entry of Walker's alias table (core/sampling.h): a uniform column keeps itself when 32 random bits are at or
// below `threshold`, and gives `alias` otherwise.
struct AliasEntry {
  std::uint32_t threshold;
  std::int32_t alias;
};

// The output side of a model: what is predicted from the input vectors, and how.
struct Outputs {
  float* rows;   // (vocabulary, stride) output vectors u: negative sampling and full softmax
  float* nodes;  // (vocabulary - 1, stride) vectors of the Huffman tree's inner nodes: hierarchical softmax
  std::int64_t stride;
  std::int32_t vocabulary;
  int negative;             // negative samples a prediction; 0 turns negative sampling off
  const AliasEntry* alias;  // (vocabulary) the distribution of negative samples
  bool hierarchical;
  const std::int64_t* path_offsets;  // (vocabulary + 1) word w's path is [path_offsets[w], path_offsets[w + 1])
  const std::int32_t* path_nodes;    // inner nodes from the root down
  const float* path_labels;          // 1 where the path goes left (code 0), else 0
  int longest_path;
  bool softmax;  // the exact softmax over the vocabulary, on `rows`
};

// What training has seen; sums are exact enough to be added up over billions of predictions.
struct TrainingTotals {
  double loss = 0;               // sum over predictions, in nats; only with compute_loss
  std::int64_t predictions = 0;  // skip-gram: pairs; CBOW: centres with a context
  std::int64_t kept = 0;         // centres that survived subsampling
  bool diverged = false;         // a score was infinite or NaN
  bool unknown_token = false;    // a token was not below the vocabulary's size; the block was left out
};

// word2vec on a stream of word ids, where -1 ends a sentence.
struct Word2Vec {
  const std::int32_t* tokens;  // (size)
  std::int64_t size;
  float* input;  // (vocabulary, stride) input vectors v; rows 64-byte aligned and zero past the vector's size
  std::int64_t stride;
  std::int64_t padded_size;   // the vector's size rounded up to `width` floats
  const float* lock;          // (vocabulary) factors on the input vectors' updates, or null
  const std::uint32_t* keep;  // (vocabulary) an occurrence stays when 32 random bits are at or below this; or null
  Outputs outputs;
  std::int64_t window;
  bool shrink_windows, skip_gram, mean, compute_loss;
  std::uint64_t key;           // of the random numbers: a mix of seed and epoch
  std::int64_t longest_block;  // the largest end - begin of a call
};

// Euclidean lengths: out[i] = |rows[i]|, for i in [begin, end); no overflow nor underflow on the way.
struct RowNorms {
  const float* rows;  // (n, size), `stride` floats from row to row
  std::int64_t stride;
  std::int64_t size;
  float* out;  // (n)
};

// Unit rows in a byte per value, for i in [begin, end): rows[i] / norms[i] = scales[i] codes[i] + a residual that
// is no longer than errors[i]. A row of zeros is all zero; one with NaN or infinity has a NaN scale.
struct QuantiseRows {
  const float* rows;  // (n, size), `stride` floats from row to row
  std::int64_t stride;
  std::int64_t size;
  const float* norms;  // (n)
  std::int8_t* codes;  // (n, width), zero from `size` on
  std::int64_t width;  // a multiple of kCodeWidth
  float* scales;       // (n)
  float* errors;       // (n)
};

// Which of the rows [begin, end), at most kScreenRows, can be as similar to a query as its bar demands:
//   units[q] scales[i] (codes[i] . queries[q]) + weights[q] errors[i] >= bars[q].
struct Screen {
  const std::int8_t* codes;
  std::int64_t width;
  const float* scales;
  const float* errors;
  const std::int16_t* queries;  // (count, width)
  std::int64_t count;
  const float* units;    // (count)
  const float* weights;  // (count)
  const float* bars;     // (count)
  std::int64_t* passed;  // (count, kScreenRows): the rows that pass
  std::int64_t* passes;  // (count): how many do
};

constexpr std::int64_t kCodeWidth = 32;
constexpr std::int64_t kScreenRows = 64;

struct Kernels {
  const char* isa;  // "baseline", "avx2", "avx512"
  int width;        // floats in a vector register
  void (*row_dots)(const RowDots&, std::int64_t begin, std::int64_t end);
  std::size_t (*word2vec_workspace)(const Word2Vec&);  // bytes of 64-byte aligned, zeroed memory that a thread needs
  void (*word2vec)(const Word2Vec&, std::int64_t begin, std::int64_t end, float alpha, void* workspace,
                   TrainingTotals&);
  void (*row_norms)(const RowNorms&, std::int64_t begin, std::int64_t end);
  void (*quantise_rows)(const QuantiseRows&, std::int64_t begin, std::int64_t end);
  void (*screen)(const Screen&, std::int64_t begin, std::int64_t end);
};

}  // namespace lexigrad
