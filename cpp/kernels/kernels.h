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
  bool softmax;     // the exact softmax over the vocabulary, on `rows`
  bool one_vs_all;  // a binary decision for each word of the vocabulary, on `rows`
  bool frozen;      // all of this stays as it is, only inputs learn
};

// What training has seen; sums are exact enough to be added up over billions of predictions.
struct TrainingTotals {
  double loss = 0;               // sum over predictions, in nats; only with compute_loss
  std::int64_t predictions = 0;  // skip-gram: pairs; CBOW: centres with a context
  std::int64_t kept = 0;         // centres that survived subsampling
  bool diverged = false;         // a score was infinite or NaN
  bool unknown_token = false;    // a token was not below the vocabulary's size; the block was left out
};

// A corpus as a stream of word ids, where -1 ends a sentence, and how windows are drawn from it.
struct Corpus {
  const std::int32_t* tokens;  // (size)
  std::int64_t size;
  std::int32_t vocabulary;
  const std::uint32_t* keep;  // (vocabulary) an occurrence stays when 32 random bits are at or below this; or null
  std::uint64_t key;          // of the random numbers: a mix of seed and epoch
  std::int64_t window;
  bool shrink_windows;
  std::int64_t longest_block;  // the largest end - begin of a call
};

// word2vec on a stream of word ids.
struct Word2Vec {
  Corpus corpus;
  float* input;  // (vocabulary, stride) input vectors v; rows 64-byte aligned and zero past the vector's size
  std::int64_t stride;
  std::int64_t padded_size;  // the vector's size rounded up to `width` floats
  const float* lock;         // (vocabulary) factors on the input vectors' updates, or null
  Outputs outputs;
  bool skip_gram, mean, compute_loss;
  bool several_workers;  // calls run at the same time on the same model
};

// Paragraph vectors on a stream of word ids in which every document has an end.
struct Doc2Vec {
  Word2Vec words;     // what it is built on: skip_gram stands for PV-DBOW; input may be null if no words are trained
  float* rows;        // (tags, words.stride) document vectors, one for each tag
  const float* lock;  // (tags) factors on the document vectors' updates, or null
  const std::int64_t* ends;  // (documents) the position of each document's end
  std::int64_t documents;
  const std::int64_t* tag_offsets;  // (documents + 1) document d has tags[tag_offsets[d]] and on; null: its row is d
  const std::int32_t* tags;
  std::int64_t most_tags;    // that a document has
  bool train_words;          // PV-DBOW: skip-gram besides
  bool concatenate;          // PV-DM: vectors side by side, those of most_tags tags and of a whole window
  float* padding;            // with concatenation: the vector in the place of words beyond a document's edges
  std::int64_t size;         // with concatenation: floats in a vector,
  std::int64_t places_size;  // and of all places, rounded up to `width` floats
};

// fastText on a stream of word ids: what predicts is the mean of a word's own row, words.input, and those of its
// character n-grams, which words share.
struct FastText {
  Word2Vec words;               // without lock
  float* buckets;               // (buckets, words.stride) rows of the n-grams
  const std::int64_t* offsets;  // (vocabulary + 1) word w has the n-grams ngrams[offsets[w]] and on
  const std::int32_t* ngrams;   // rows of buckets
  std::int64_t most_ngrams;     // that a word has
};

// fastText's classifier on a stream of lines: ids below `words` are words, those from there on labels, and -1 ends a
// line.
struct FastTextClassifier {
  const std::int32_t* tokens;  // (size)
  std::int64_t size;
  std::int32_t words;
  float* input;    // (words, stride); rows as in Word2Vec
  float* buckets;  // (bucket_count, stride) rows of the n-grams
  std::int64_t stride, padded_size, bucket_count;
  const std::int64_t* offsets;  // (words + 1) word w has the character n-grams ngrams[offsets[w]] and on
  const std::int32_t* ngrams;   // rows of buckets
  int word_ngrams;              // words of the longest sequences that have a row
  const std::int32_t* hashes;   // (words) for those sequences
  std::int32_t end_word;        // the word that stands for a line's end, or -1
  std::int32_t end_hash;
  std::uint64_t key;  // of the random numbers: a mix of seed and epoch
  Outputs outputs;    // over the labels
  bool compute_loss, several_workers;
};

// AdaGram on a stream of word ids: every word has up to `prototypes` senses, with a vector each.
struct AdaGram {
  Corpus corpus;
  float* input;  // (vocabulary * prototypes, stride) the senses' vectors; rows 64-byte aligned and zero past their size
  std::int64_t stride;
  std::int64_t padded_size;
  float* occurrences;          // (vocabulary, prototypes) how many of a word's occurrences are in each sense
  const std::int64_t* counts;  // (vocabulary)
  int prototypes;
  float alpha, d;         // stick k is broken at Beta(1 - d, alpha + k d)
  float sense_threshold;  // senses of a smaller probability take no step
  Outputs outputs;        // hierarchical softmax
  bool compute_loss, several_workers;
};

// lda2vec on a stream of word ids in which every document has an end.
struct Lda2Vec {
  Corpus corpus;
  float* input;          // (vocabulary, stride) word vectors v; rows 64-byte aligned and zero past their size
  float* topic_vectors;  // (topics, stride)
  float* weights;        // (documents, topics) whose softmax is a document's mixture
  std::int64_t stride, padded_size;
  int topics;
  const std::int64_t* ends;  // (documents) the position of each document's end
  std::int64_t documents;
  Outputs outputs;      // negative sampling
  bool train_topics;    // else documents take no part
  float prior;          // concentration of the Dirichlet distribution
  float strength;       // of its logarithm, once a document and epoch
  float document_rate;  // learning rate of the documents' weights, relative to that of the vectors
  bool compute_loss;
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

// Softmax and its logarithm over the rows of a matrix.
struct Softmax {
  const float* x;  // (n, size)
  std::int64_t size;
  float* y;  // (n, size); not x
};

struct SoftmaxBackward {
  const float* y;   // (n, size) what forward gave
  const float* dy;  // (n, size)
  std::int64_t size;
  float* dx;  // (n, size)
};

// Softmax cross-entropy of rows of logits with class indices, and its gradient in the same call.
struct CrossEntropy {
  const float* logits;          // (n, classes)
  const std::int64_t* targets;  // (n) in [0, classes), or ignore_index
  std::int64_t rows, classes;
  std::int64_t ignore_index;
  const float* weights;  // (classes), or null for ones
  double weight_sum;     // of all classes
  double smoothing;      // the share of the target's probability that all classes divide
  double scale;          // factor on the gradient
  double* losses;        // (n); 0 for ignored rows
  float* gradient;       // (n, classes), or null
  bool streaming;        // the gradient is too large for the caches
};

// Connectionist temporal classification. A batch's sample b has lengths[b] frames and the labels
// [target_offsets[b], target_offsets[b + 1]).
struct Ctc {
  const float* x;  // (T, B, V) log-probabilities, or logits with `normalise`
  std::int64_t T, B, V;
  bool normalise;
  const std::int64_t* lengths;         // (B)
  const std::int64_t* targets;         // concatenated, never `blank`
  const std::int64_t* target_offsets;  // (B + 1)
  std::int64_t blank;
  double* losses;   // (B) infinite where the target does not fit
  float* gradient;  // (T, B, V) of the losses' sum, or null; zero past a sample's length and for infinite losses
};

// A linear-chain conditional random field over K tags. A batch's sample b has lengths[b] frames.
struct Crf {
  const float* emissions;  // (T, B, K) scores of the tags in each frame
  std::int64_t T, B, K;
  const std::int64_t* lengths;  // (B)
  const float* transitions;     // (K, K) scores from a row's tag to a column's
  const float* start;           // (K)
  const float* end;             // (K)
  const std::int64_t* tags;     // (T, B), or null
  double* losses;               // (B) log Z less the tags' score, or log Z without tags; decoding: the best score
  float* demissions;            // (T, B, K) of the losses' sum, or null, as the other gradients; zero past the lengths
  float* dtransitions;          // (B, K, K) each sample's share
  float* dstart;                // (B, K) likewise
  float* dend;                  // (B, K) likewise
  std::int64_t* path;           // (T, B) decoding: the best tags, -1 past the lengths
};

// Attention of T queries over S positions: weights = softmax over positions of the scores, context = their weighted
// sum of the values.
struct Attention {
  std::int64_t T, S, B, H, C;  // query and key sizes H, value size C
  const float* query;          // (T, B, H)
  const float* keys;           // (S, B, H); null where `scores` are given
  const float* values;         // (S, B, C)
  const std::uint8_t* mask;    // (B, S) 0 where a position takes no part, or null
  float* weights;              // (B, T, S)
  float* context;              // (T, B, C)
};

struct AttentionBackward {
  Attention forward;
  const float* dcontext;  // (T, B, C)
  const float* dweights;  // (B, T, S) or null
  float* dscores;         // (B, T, S)
  float* dquery;          // (T, B, H)
  float* dkeys;           // (S, B, H); where keys are the values too, their whole gradient
  float* dvalues;         // (S, B, C), or null where keys are the values
};

// Additive scores: scores[b, t, s] = v . tanh(query[t, b] + keys[s, b]).
struct AdditiveScores {
  std::int64_t T, S, B, H;
  const float* query;     // (T, B, H)
  const float* keys;      // (S, B, H)
  const float* v;         // (H)
  float* scores;          // (B, T, S)
  const float* dscores;   // (B, T, S); backward only, as all below
  float *dquery, *dkeys;  // like query and keys
  float* dv;              // (B, H): each batch row's share
};

// A stretch of one parameter, its gradient and what the optimiser remembers of it.
struct ParameterSpan {
  float* parameter;
  const float* gradient;
  float* state[3];
  std::int64_t size;
};

// The constants of an update. Every rule takes gradient * scale + weight_decay * parameter for its gradient, and with
// `shrink` first multiplies the parameter.
struct SgdRule {
  float scale, weight_decay, lr, momentum, fresh;  // velocity = momentum * velocity + fresh * gradient
  bool nesterov;
};
struct AdagradRule {
  float scale, weight_decay, lr, eps;
};
struct RmspropRule {
  float scale, weight_decay, lr, alpha, fresh, eps, momentum;  // fresh = 1 - alpha, rounded once
  bool centered;
};
struct AdamRule {
  float scale, weight_decay, shrink, step_size, fresh1, beta2, fresh2, correction, eps;  // fresh = 1 - beta
};

// Recurrent layers. A layer's gates stand in slots: LSTM i f g o, GRU n r z and what r multiplies, RNN one.
constexpr int kMostSlots = 4;

// Weights by rows, (G units, depth), into panels: for units [block * width, ...) of each slot s the rows
// order[s] * units + unit of `rows` become columns. Panels are [block][slot][depth][width], zero past the last unit.
struct PackRows {
  const float* rows;
  std::int64_t depth, units;
  int slots;
  int order[kMostSlots];
  float* panels;
};

// A matrix (depth, columns), given by pointers to its rows, into panels [block][depth][width].
struct PackColumns {
  const float* const* rows;
  std::int64_t depth, columns;
  float* panels;
};

// c[m][s * units + u] = bias + a[m] . (row order[s] * units + u of the weights).
struct Project {
  const float* const* a;
  float* const* c;
  const float* weights;  // (G units, depth)
  const float* panels;   // the same, packed; or null
  std::int64_t depth, units;
  int slots;
  int order[kMostSlots];
  const float* bias;  // [block][slot][width]
};

// c[m] (+)= sum over k of a[m][k] b[k], for rows b of `columns` floats.
struct Combine {
  const float* const* a;
  float* const* c;
  const float* const* b;  // (depth)
  const float* panels;    // the same, packed; or null
  std::int64_t depth, columns;
  bool add;
};

// c[m] = sum over k of a[k][m] b[k]: the gradient of a matrix.
struct Outer {
  const float* const* a;  // (depth)
  float* const* c;
  const float* const* b;  // (depth), rows of `columns` floats
  const float* panels;    // the same, packed; or null for a depth of at most kFewOuter
  std::int64_t depth, columns;
  float* work;  // kOuterRows * kOuterDepth floats
};
constexpr std::int64_t kFewOuter = 4;
constexpr std::int64_t kOuterRows = 96;  // rows of c that a call takes at most
constexpr std::int64_t kOuterDepth = 256;

// out[i - begin] = sum over k of a[k][i], for i in [begin, end).
struct ColumnSums {
  const float* const* a;
  std::int64_t depth;
  float* out;
};

// One step of a recurrent layer for some rows of a batch, which lie in any order: state row i belongs to batch row
// rows[i]. Arrays named "step" are those of this time step, by batch row.
struct RecurrentForward {
  std::int64_t units;
  const float* weights;       // (G units, units)
  const float* panels;        // the same, packed; or null
  const float* hidden_bias;   // GRU: (units) b_hn; or null
  const std::int32_t* rows;   // batch rows
  const float* const* h;      // state rows before the step
  float* const* h_next;       // and after it
  float* const* c;            // LSTM: cell state rows, updated
  float* step_gates;          // in: W x + b; out, with `save`: what backward needs
  std::int64_t gates_stride;  // floats from a batch row to the next
  float* step_cells;          // LSTM with `save`: (B, units) cell states after the step
  float* step_out;            // output
  std::int64_t out_stride;
  float* const* product_rows;  // work space: kMostSlots * panel width floats a row
  bool save, relu;
};

// The same step backward. The loop over time has set dh to what the later steps and h_n give.
struct RecurrentBackward {
  std::int64_t units;
  const std::int32_t* rows;
  float* const* dh;   // in: dL/dh after the step, but for step_dout; out: what skips the product with W_hh
  float* const* dc;   // LSTM: dL/dc after the step; before it
  float* step_gates;  // in: what forward saved; out: gradients before the activation
  std::int64_t gates_stride;
  const float* step_cells;     // LSTM: (B, units) cell states after the step
  const float* const* before;  // LSTM: c, GRU: h before the step, by state row
  const float* step_dout;      // gradient of the output; or null
  std::int64_t out_stride;
  bool relu;
};

// GloVe on sparse counts: groups of at most kGloveGroup entries of a row, in a given order. Matrices are as in
// Word2Vec.
struct Glove {
  const std::int64_t* offsets;  // (vocabulary + 1) row r of the counts is [offsets[r], offsets[r + 1])
  const std::int32_t* columns;
  const float* values;               // above 0
  const std::int32_t* order;         // (groups) numbers of groups
  const std::int32_t* group_rows;    // (groups)
  const std::int64_t* first_groups;  // (vocabulary) of each row
  std::int64_t groups, vocabulary;
  float *words, *contexts;                // (vocabulary, stride) w and u
  float *word_squares, *context_squares;  // (vocabulary, stride) AdaGrad's sums, which count from 1
  float* biases;                          // (vocabulary, 4): b, c and their sums of squares
  std::int64_t stride, padded_size;
  float log_x_max, exponent;
};

constexpr std::int64_t kGloveGroup = 16;

struct Kernels {
  const char* isa;  // "baseline", "avx2", "avx512"
  int width;        // floats in a vector register
  void (*row_dots)(const RowDots&, std::int64_t begin, std::int64_t end);
  std::size_t (*word2vec_workspace)(const Word2Vec&);  // bytes of 64-byte aligned, zeroed memory that a thread needs
  void (*word2vec)(const Word2Vec&, std::int64_t begin, std::int64_t end, float alpha, void* workspace,
                   TrainingTotals&);
  // Groups [begin, end) of the order.
  void (*glove)(const Glove&, std::int64_t begin, std::int64_t end, float rate, TrainingTotals&);
  std::size_t (*doc2vec_workspace)(const Doc2Vec&);
  void (*doc2vec)(const Doc2Vec&, std::int64_t begin, std::int64_t end, float alpha, void* workspace,
                  TrainingTotals& totals);
  std::size_t (*fasttext_workspace)(const FastText&);
  void (*fasttext)(const FastText&, std::int64_t begin, std::int64_t end, float alpha, void* workspace,
                   TrainingTotals& totals);
  std::size_t (*fasttext_classifier_workspace)(const FastTextClassifier&);
  void (*fasttext_classifier)(const FastTextClassifier&, std::int64_t begin, std::int64_t end, float alpha,
                              void* workspace, TrainingTotals& totals);
  std::size_t (*adagram_workspace)(const AdaGram&);
  void (*adagram)(const AdaGram&, std::int64_t begin, std::int64_t end, float alpha, void* workspace, TrainingTotals&);
  std::size_t (*lda2vec_workspace)(const Lda2Vec&);
  void (*lda2vec)(const Lda2Vec&, std::int64_t begin, std::int64_t end, float alpha, void* workspace, TrainingTotals&);
  void (*row_norms)(const RowNorms&, std::int64_t begin, std::int64_t end);
  void (*quantise_rows)(const QuantiseRows&, std::int64_t begin, std::int64_t end);
  void (*screen)(const Screen&, std::int64_t begin, std::int64_t end);
  // Rows [begin, end).
  void (*softmax_forward)(const Softmax&, std::int64_t begin, std::int64_t end);
  void (*softmax_backward)(const SoftmaxBackward&, std::int64_t begin, std::int64_t end);
  void (*log_softmax_forward)(const Softmax&, std::int64_t begin, std::int64_t end);
  void (*log_softmax_backward)(const SoftmaxBackward&, std::int64_t begin, std::int64_t end);
  void (*cross_entropy)(const CrossEntropy&, std::int64_t begin, std::int64_t end, float* workspace);  // classes
  // Sample b of the batch.
  std::int64_t (*ctc_workspace)(const Ctc&, std::int64_t b);  // floats that it needs
  void (*ctc)(const Ctc&, std::int64_t b, float* workspace);
  std::int64_t (*crf_workspace)(const Crf&, std::int64_t b);
  void (*crf)(const Crf&, std::int64_t b, float* workspace);
  void (*crf_decode)(const Crf&, std::int64_t b, float* workspace);
  // Row b of the batch. Where keys are null the weights hold the scores on entry.
  void (*attention_forward)(const Attention&, std::int64_t b);
  void (*attention_backward)(const AttentionBackward&, std::int64_t b);
  void (*additive_scores_forward)(const AdditiveScores&, std::int64_t b);
  void (*additive_scores_backward)(const AdditiveScores&, std::int64_t b);
  // One stretch of a parameter.
  void (*sgd)(const SgdRule&, const ParameterSpan&);
  void (*adagrad)(const AdagradRule&, const ParameterSpan&);
  void (*rmsprop)(const RmspropRule&, const ParameterSpan&);
  void (*adam)(const AdamRule&, const ParameterSpan&);
  double (*sum_of_squares)(const float*, std::int64_t size);
  float (*greatest_magnitude)(const float*, std::int64_t size);  // NaN where a value is NaN
  void (*scale)(float*, std::int64_t size, float factor);
  void (*clamp)(float*, std::int64_t size, float limit);  // to [-limit, limit]
  std::int64_t panel_width;                               // columns of a panel of packed weights
  void (*pack_rows)(const PackRows&, std::int64_t block_begin, std::int64_t block_end);
  void (*pack_columns)(const PackColumns&, std::int64_t block_begin, std::int64_t block_end);
  // For rows [0, count) and the units or columns of some blocks.
  void (*project)(const Project&, std::int64_t count, std::int64_t block_begin, std::int64_t block_end);
  void (*combine)(const Combine&, std::int64_t count, std::int64_t block_begin, std::int64_t block_end);
  void (*outer)(const Outer&, std::int64_t row_begin, std::int64_t row_end);
  void (*column_sums)(const ColumnSums&, std::int64_t begin, std::int64_t end);
  void (*lstm_forward)(const RecurrentForward&, std::int64_t count, std::int64_t block_begin, std::int64_t block_end);
  void (*lstm_backward)(const RecurrentBackward&, std::int64_t count, std::int64_t unit_begin, std::int64_t unit_end);
  void (*gru_forward)(const RecurrentForward&, std::int64_t count, std::int64_t block_begin, std::int64_t block_end);
  void (*gru_backward)(const RecurrentBackward&, std::int64_t count, std::int64_t unit_begin, std::int64_t unit_end);
  void (*rnn_forward)(const RecurrentForward&, std::int64_t count, std::int64_t block_begin, std::int64_t block_end);
  void (*rnn_backward)(const RecurrentBackward&, std::int64_t count, std::int64_t unit_begin, std::int64_t unit_end);
};

}  // namespace lexigrad
