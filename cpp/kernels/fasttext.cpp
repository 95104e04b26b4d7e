// fastText (Bojanowski et al. 2017): skip-gram and CBOW whose words are predicted from the mean of other words' own
// rows and the rows of their character n-grams.
#include "kernels/word2vec.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

constexpr std::int64_t kWordsAhead = 2;  // how far ahead of its turn a word's rows are prefetched
constexpr std::int64_t kListsAhead = 4;  // and the list of its n-grams

// A word's own row and those of its n-grams.
struct WordRows {
  float** rows;
  int count;
};

INLINE WordRows rows_of(const FastText& a, std::int32_t word, float** rows) {
  int count = 0;
  rows[count++] = a.words.input + word * a.words.stride;
  for (std::int64_t i = a.offsets[word]; i < a.offsets[word + 1]; ++i) {
    rows[count++] = a.buckets + a.ngrams[i] * a.words.stride;
  }
  return {rows, count};
}

// The vectors of the words around. A word's many rows are added up when it comes within reach of a window, its vector
// is trained in as many windows as there are, and what that has changed goes to the rows when no window reaches it any
// more: a step on a mean is the same step on each of its rows (fastText does not divide it), so the vectors are at all
// times what the rows would give, but for what other words around change in n-grams that they share.
struct Nearby {
  float* vectors;         // (most, stride) skip-gram: the means of words' rows; CBOW: their sums
  float* before;          // (most, stride) what they were when they came
  std::int32_t* words;    // (most) -1 for none
  std::int64_t* last;     // (most) where the word stands last, as far as is known
  std::int32_t* places;   // of each place in the block's words: which of the vectors is the word's
  std::int64_t next = 1;  // the first place that has not come yet; place 0 is the end of a sentence
  std::int64_t most;
  float** of_word;
  Ahead ahead;
};

struct FastTextWorkspace {
  Workspace words;
  Nearby nearby;
};

FastTextWorkspace take_workspace(const FastText& a, Arena& arena) {
  const std::int64_t window = reach(a.words.corpus);
  // A group's windows reach before its first centre and behind each of them, which may be in sentences of their own.
  const std::int64_t around = (1 + kShared) * window + kShared;
  const auto stride = static_cast<std::size_t>(a.words.stride);
  FastTextWorkspace w;
  w.words = take_workspace(a.words, static_cast<std::size_t>(2 * window), arena);
  Nearby& n = w.nearby;
  n.most = around < a.words.corpus.vocabulary ? around : a.words.corpus.vocabulary;
  const auto most = static_cast<std::size_t>(n.most), rows = static_cast<std::size_t>(a.most_ngrams + 1);
  n.vectors = arena.take<float>(most * stride);
  n.before = arena.take<float>(most * stride);
  n.words = arena.take<std::int32_t>(most);
  n.last = arena.take<std::int64_t>(most);
  n.places = arena.take<std::int32_t>(most_gathered(a.words.corpus));
  n.of_word = arena.take<float*>(rows);
  n.ahead.rows = arena.take<const float*>(rows);
  return w;
}

template <int Places>
INLINE void sum_places(const WordRows& word, std::int64_t i, F factor, float* vector, float* before) {
  F total[Places] = {};
  for (int j = 0; j < word.count; ++j) {
#pragma GCC unroll 4
    for (int p = 0; p < Places; ++p) total[p] += load(word.rows[j] + i + p * static_cast<std::int64_t>(W));
  }
  for (int p = 0; p < Places; ++p) {
    store(vector + i + p * static_cast<std::int64_t>(W), factor * total[p]);
    store(before + i + p * static_cast<std::int64_t>(W), factor * total[p]);
  }
}

// Asks for the rows of the word kWordsAhead of a place, line by line while others are added up.
INLINE void look_ahead(const FastText& a, const Words& words, std::int64_t at, Ahead& ahead) {
  ahead.count = 0;
  if (at + kListsAhead < words.last) {
    const std::int32_t far = words.ids[at + kListsAhead];
    if (far >= 0) {
      for (std::int64_t i = a.offsets[far]; i < a.offsets[far + 1]; i += 16) prefetch_read(a.ngrams + i);
    }
  }
  if (at + kWordsAhead >= words.last) return;
  const std::int32_t near = words.ids[at + kWordsAhead];
  if (near < 0) return;
  ahead.add(a.words.input + near * a.words.stride);
  for (std::int64_t i = a.offsets[near]; i < a.offsets[near + 1]; ++i) {
    ahead.add(a.buckets + a.ngrams[i] * a.words.stride);
  }
}

// The word at a place comes.
INLINE void take(const FastText& a, const Words& words, std::int64_t at, Nearby& n) {
  const std::int32_t word = words.ids[at];
  std::int64_t place = 0, free = 0;
  for (; place < n.most && n.words[place] != word; ++place) free = n.words[place] < 0 ? place : free;
  look_ahead(a, words, at, n.ahead);
  if (place == n.most) {
    place = free;
    n.words[place] = word;
    const WordRows own = rows_of(a, word, n.of_word);
    const F factor = splat(a.words.skip_gram ? 1.0f / static_cast<float>(own.count) : 1.0f);
    float *vector = n.vectors + place * a.words.stride, *before = n.before + place * a.words.stride;
    constexpr std::int64_t four = 4 * static_cast<std::int64_t>(W);
    std::int64_t i = 0;
    for (; i + four <= a.words.padded_size; i += four) {
      for (std::int64_t line = i; line < i + four; line += kLine) n.ahead.prefetch(static_cast<std::size_t>(line));
      sum_places<4>(own, i, factor, vector, before);
    }
    for (; i < a.words.padded_size; i += W) {
      if (i % static_cast<std::int64_t>(kLine) == 0) n.ahead.prefetch(static_cast<std::size_t>(i));
      sum_places<1>(own, i, factor, vector, before);
    }
  } else {
    for (std::int64_t i = 0; i < a.words.padded_size; i += kLine) n.ahead.prefetch(static_cast<std::size_t>(i));
  }
  n.places[at] = static_cast<std::int32_t>(place);
  n.last[place] = at;
}

// A word goes, and its rows learn what its vector has learnt: a sum changes by as many steps as it has rows.
INLINE void give_back(const FastText& a, std::int64_t place, Nearby& n) {
  const WordRows own = rows_of(a, n.words[place], n.of_word);
  const F factor = splat(a.words.skip_gram ? 1.0f : 1.0f / static_cast<float>(own.count));
  const float *vector = n.vectors + place * a.words.stride, *before = n.before + place * a.words.stride;
  for (std::int64_t i = 0; i < a.words.padded_size; i += W) {
    const F step = factor * (load(vector + i) - load(before + i));
    for (int j = 0; j < own.count; ++j) store(own.rows[j] + i, load(own.rows[j] + i) + step);
  }
  n.words[place] = -1;
}

// Words that the group's windows do not reach go, those that they reach come.
INLINE void move_on(const FastText& a, const Words& words, const Group& group, Nearby& n) {
  const std::int64_t low = group.centres[0].at - reach(a.words.corpus);
  for (std::int64_t place = 0; place < n.most; ++place) {
    if (n.words[place] >= 0 && n.last[place] < low) give_back(a, place, n);
  }
  for (int c = 0; c < group.count; ++c) {
    for (; n.next < group.centres[c].high; ++n.next) {
      if (words.ids[n.next] >= 0) take(a, words, n.next, n);
    }
  }
}

// CBOW: the mean of all the rows of a window's words.
INLINE Context gather_sums(const FastText& a, const Words& words, const Centre& centre, const Nearby& n,
                           const Workspace& w) {
  int count = 0;
  std::int64_t rows = 0;
  for (std::int64_t at = centre.low; at < centre.high; ++at) {
    if (at == centre.at) continue;
    const std::int64_t own = 1 + a.offsets[words.ids[at] + 1] - a.offsets[words.ids[at]];
    rows += own;
    w.factors[count] = static_cast<float>(own);
    w.context[count++] = n.vectors + n.places[at] * a.words.stride;
  }
  return {count, static_cast<float>(rows)};
}

void fasttext(const FastText& a, std::int64_t begin, std::int64_t end, float alpha, void* workspace,
              TrainingTotals& totals) {
  Arena arena{static_cast<char*>(workspace)};
  FastTextWorkspace w = take_workspace(a, arena);
  Nearby& n = w.nearby;
  for (std::int64_t place = 0; place < n.most; ++place) n.words[place] = -1;
  Word2Vec base = a.words;
  base.input = nullptr;  // no rows of these are prefetched
  Word2Vec nearby = a.words;
  nearby.input = n.vectors;
  train_groups(base, begin, end, w.words, totals, [&](const Words& words, const Group& group) {
    move_on(a, words, group, n);
    if (a.words.skip_gram) {
      train_skip_gram(nearby, {n.places, words.first, words.last, true}, group, alpha, w.words, totals);
    } else {
      train_means(nearby, group, alpha, w.words, totals,
                  [&](int c) { return gather_sums(a, words, group.centres[c], n, w.words); });
    }
  });
  for (std::int64_t place = 0; place < n.most; ++place) {
    if (n.words[place] >= 0) give_back(a, place, n);
  }
}

std::size_t fasttext_workspace(const FastText& a) {
  Arena arena{nullptr};
  take_workspace(a, arena);
  return arena.used;
}

}  // namespace

void fill_fasttext(Kernels& table) {
  table.fasttext = fasttext;
  table.fasttext_workspace = fasttext_workspace;
}

}  // namespace lexigrad::LEXIGRAD_ISA
