// fastText's classifier (Joulin et al. 2017): the mean of the rows of a line's words, of their character n-grams and of
// its word n-grams predicts the line's label.
#include "kernels/objectives.h"
#include "kernels/rng.h"
#include "kernels/simd.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr std::int64_t kRowsAtOnce = 64;  // that are asked for before the first is used
constexpr std::uint64_t kWordNgramFactor = 116049371;

struct LineWorkspace {
  StepBuffers step;
  NegativeSamples samples;
  float** rows;   // (kRowsAtOnce)
  float* hidden;  // (stride)
  float* change;  // (stride)
};

LineWorkspace take_workspace(const FastTextClassifier& a, Arena& arena) {
  const auto stride = static_cast<std::size_t>(a.stride);
  LineWorkspace w;
  w.step = take_step_buffers(arena, a.outputs, 1, a.several_workers);
  w.samples = take_negative_samples(arena, a.outputs);
  w.rows = arena.take<float*>(kRowsAtOnce);
  w.hidden = arena.take<float>(stride);
  w.change = arena.take<float>(stride);
  return w;
}

// The tokens [begin, end) of a line, without its end.
struct Line {
  std::int64_t begin, end;
  std::int64_t labels;  // how many of the tokens are labels
};

// Rows on their way to `use(rows, count)`, so many at a time that memory works on all of them.
template <typename Use>
struct RowBatch {
  float** rows;
  std::int64_t size;
  const Use& use;
  int count = 0;
  std::int64_t all = 0;

  INLINE void add(float* row) {
    for (std::int64_t i = 0; i < size; i += static_cast<std::int64_t>(kLine)) prefetch_write(row + i);
    rows[count++] = row;
    ++all;
    if (count == kRowsAtOnce) flush();
  }
  INLINE void flush() {
    use(rows, count);
    count = 0;
  }
};

// The rows of a line go to use(rows, count), some at a time; returns how many there are. The word that stands for the
// line's end follows the others.
template <typename Use>
INLINE std::int64_t visit_rows(const FastTextClassifier& a, const Line& line, float** rows, const Use& use) {
  RowBatch<Use> batch{rows, a.padded_size, use};
  for (std::int64_t p = line.begin; p < line.end; ++p) {
    const std::int32_t word = a.tokens[p];
    if (word >= a.words) continue;
    batch.add(a.input + word * a.stride);
    for (std::int64_t i = a.offsets[word]; i < a.offsets[word + 1]; ++i) batch.add(a.buckets + a.ngrams[i] * a.stride);
  }
  if (a.end_word >= 0) batch.add(a.input + a.end_word * a.stride);
  // The hash of a sequence of words, in 64 bits: that of all but the last, times a factor, plus the last's.
  for (std::int64_t p = line.begin; p < line.end && a.word_ngrams > 1; ++p) {
    if (a.tokens[p] >= a.words) continue;
    auto hash = static_cast<std::uint64_t>(std::int64_t{a.hashes[a.tokens[p]]});
    std::int64_t q = p + 1;
    for (int length = 2; length <= a.word_ngrams && q <= line.end; ++q) {
      if (q < line.end && a.tokens[q] >= a.words) continue;
      const std::int32_t next = q < line.end ? a.hashes[a.tokens[q]] : a.end_hash;
      hash = hash * kWordNgramFactor + static_cast<std::uint64_t>(std::int64_t{next});
      batch.add(a.buckets + static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(a.bucket_count)) * a.stride);
      ++length;
    }
  }
  batch.flush();
  return batch.all;
}

// The label number `place` of a line.
INLINE std::int32_t label_of(const FastTextClassifier& a, const Line& line, std::int64_t place) {
  std::int64_t p = line.begin;
  while (a.tokens[p] < a.words || place-- > 0) ++p;
  return a.tokens[p] - a.words;
}

INLINE void train_labels(const FastTextClassifier& a, const Line& line, const Inputs& in, float alpha, LineWorkspace& w,
                         TrainingTotals& totals) {
  const auto size = static_cast<std::size_t>(a.padded_size);
  const Outputs& o = a.outputs;
  if (o.one_vs_all) {
    for (int k = 0; k < o.vocabulary; ++k) w.step.labels[0][k] = 0;
    for (std::int64_t p = line.begin; p < line.end; ++p) {
      if (a.tokens[p] >= a.words) w.step.labels[0][a.tokens[p] - a.words] = 1;
    }
    train_one_vs_all(o, in, size, alpha, a.compute_loss, w.step, totals);
    return;
  }
  Stream random{mix(a.key ^ mix(static_cast<std::uint64_t>(line.begin)))};
  // Of several labels one is drawn.
  const std::uint64_t draw = line.labels > 1 ? random.next() : 0;
  const std::int32_t label = label_of(a, line, below(static_cast<std::uint32_t>(line.labels), draw));
  if (o.hierarchical) {
    train_hierarchical_softmax(o, label, in, size, alpha, a.compute_loss, w.step, totals);
  } else if (o.softmax) {
    train_softmax(o, label, in, size, alpha, a.compute_loss, w.step, totals);
  } else {
    draw_negative_samples(o, random, w.samples);
    find_negative_samples(o, &label, 1, w.samples);
    train_negative_sampling(o, w.samples, 1, in, size, alpha, a.compute_loss, w.step, totals);
  }
}

void train_line(const FastTextClassifier& a, const Line& line, float alpha, LineWorkspace& w, TrainingTotals& totals) {
  for (std::int64_t i = 0; i < a.padded_size; i += W) {
    store(w.hidden + i, F{});
    store(w.change + i, F{});
  }
  const std::int64_t count = visit_rows(a, line, w.rows, [&](float** rows, int some) {
    for (std::int64_t i = 0; i < a.padded_size; i += W) {
      F total = load(w.hidden + i);
      for (int j = 0; j < some; ++j) total += load(rows[j] + i);
      store(w.hidden + i, total);
    }
  });
  if (count == 0) return;
  const F share = splat(1.0f / static_cast<float>(count));
  for (std::int64_t i = 0; i < a.padded_size; i += W) store(w.hidden + i, share * load(w.hidden + i));
  const float* hidden = w.hidden;
  float times[1][kShared] = {{1}};
  const Inputs in{1, 1, &hidden, &w.change, times};
  train_labels(a, line, in, alpha, w, totals);
  ++totals.predictions;
  // The gradient of a mean: each row has its share of it.
  for (std::int64_t i = 0; i < a.padded_size; i += W) store(w.change + i, share * load(w.change + i));
  visit_rows(a, line, w.rows, [&](float** rows, int some) {
    for (std::int64_t i = 0; i < a.padded_size; i += W) {
      const F change = load(w.change + i);
      for (int j = 0; j < some; ++j) store(rows[j] + i, load(rows[j] + i) + change);
    }
  });
}

// Trains the lines that begin within [begin, end).
void fasttext_classifier(const FastTextClassifier& a, std::int64_t begin, std::int64_t end, float alpha,
                         void* workspace, TrainingTotals& totals) {
  Arena arena{static_cast<char*>(workspace)};
  LineWorkspace w = take_workspace(a, arena);
  *w.step.probe = F{};
  copy_top(w.step.nodes);
  std::int64_t p = begin;
  while (p > 0 && p < end && a.tokens[p - 1] >= 0) ++p;
  for (; p < end; ++p) {
    Line line{p, p, 0};
    std::int64_t words = 0;
    for (; line.end < a.size && a.tokens[line.end] >= 0; ++line.end) {
      const std::int32_t token = a.tokens[line.end];
      if (token >= a.words + a.outputs.vocabulary) {
        totals.unknown_token = true;
        return;
      }
      (token < a.words ? words : line.labels) += 1;
    }
    totals.kept += words;
    if (line.labels > 0) train_line(a, line, alpha, w, totals);
    p = line.end;
  }
  merge_top(w.step.nodes);
  const float probe = sum(*w.step.probe);
  if (!(probe - probe == 0)) totals.diverged = true;
}

std::size_t fasttext_classifier_workspace(const FastTextClassifier& a) {
  Arena arena{nullptr};
  take_workspace(a, arena);
  return arena.used;
}

}  // namespace

void fill_fasttext_classifier(Kernels& table) {
  table.fasttext_classifier = fasttext_classifier;
  table.fasttext_classifier_workspace = fasttext_classifier_workspace;
}

}  // namespace lexigrad::LEXIGRAD_ISA
