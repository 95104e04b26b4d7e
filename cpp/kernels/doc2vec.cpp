// Paragraph vectors (Le and Mikolov 2014): documents that predict their words alone (PV-DBOW), or together with the
// words around them (PV-DM), whose vectors are added, averaged or set side by side.
#include "kernels/word2vec.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

struct Tags {
  const std::int32_t* rows;
  std::int64_t count;
};

// The document that the token at a position belongs to.
std::int64_t document_of(const Doc2Vec& a, std::int64_t position) {
  std::int64_t low = 0;
  for (std::int64_t high = a.documents; low < high;) {
    const std::int64_t middle = low + (high - low) / 2;
    if (a.ends[middle] < position) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The tags of a group's centres. Groups are visited in the order of the stream.
struct GroupTags {
  std::int64_t document;  // of the word at `at`
  std::int64_t at = -1;
  Tags of[kShared];
  std::int32_t own[kShared];  // rows of documents that are their own only tag

  INLINE void find(const Doc2Vec& a, const Words& words, const Group& group) {
    if (at < 0) at = words.first;
    for (int c = 0; c < group.count; ++c) {
      for (; at < group.centres[c].at; ++at) document += words.ids[at] < 0;
      if (a.tag_offsets) {
        const std::int64_t begin = a.tag_offsets[document];
        of[c] = {a.tags + begin, a.tag_offsets[document + 1] - begin};
      } else {
        own[c] = static_cast<std::int32_t>(document);
        of[c] = {own + c, 1};
      }
    }
  }
};

Workspace take_workspace(const Doc2Vec& a, Arena& arena) {
  const std::int64_t window = a.concatenate ? a.words.corpus.window : reach(a.words.corpus);
  return take_workspace(a.words, static_cast<std::size_t>(a.most_tags + 2 * window), arena);
}

// PV-DBOW: each tag of a document predicts each of its words.
void train_tags(const Doc2Vec& a, const GroupTags& tags, const Group& group, float alpha, Workspace& w,
                TrainingTotals& totals) {
  const int most = most_predictions(a.words.outputs);
  const Predictors documents{a.rows, a.lock};
  IdSet found{w.in_ids};
  w.in.predictions = 0;
  const auto train_found = [&] {
    w.in.count = found.count;
    if (found.count > 0) train_rows(a.words, documents, group, alpha, w, totals);
    found = {w.in_ids};
    w.in.predictions = 0;
  };
  for (int c = 0; c < group.count; ++c) {
    for (std::int64_t t = 0; t < tags.of[c].count; ++t) {
      const std::int32_t tag = tags.of[c].rows[t];
      if (w.in.predictions == most || found.place_of(tag) == kMostRows) train_found();
      const int m = found.place_of(tag);
      if (m == found.count) {
        found.add(tag);
        for (int d = 0; d < kShared; ++d) w.in.times[m][d] = 0;
      }
      w.in.times[m][c] += 1;
      ++w.in.predictions;
    }
  }
  train_found();
}

INLINE int gather_tags(const Doc2Vec& a, const Tags& tags, const Workspace& w) {
  for (std::int64_t t = 0; t < tags.count; ++t) {
    w.context[t] = a.rows + tags.rows[t] * a.words.stride;
    w.factors[t] = a.lock ? a.lock[tags.rows[t]] : 1.0f;
  }
  return static_cast<int>(tags.count);
}

// PV-DM: the mean (or sum) of a word's tags and window predicts it.
void train_memory(const Doc2Vec& a, const Words& words, const GroupTags& tags, const Group& group, float alpha,
                  Workspace& w, TrainingTotals& totals) {
  train_means(a.words, group, alpha, w, totals, [&](int c) {
    const int own = gather_tags(a, tags.of[c], w);
    const int count = gather_window(a.words, words, group.centres[c], own, w);
    return Context{count, a.words.outputs.frozen ? own : count};
  });
}

// The rows that are set side by side: the tags, the window's words from left to right, `padding` where there is none.
INLINE Context gather_places(const Doc2Vec& a, const Words& words, const Tags& tags, const Centre& centre,
                             const Workspace& w) {
  const int own = gather_tags(a, tags, w);
  int count = own;
  for (std::int64_t at = centre.at - a.words.corpus.window; at <= centre.at + a.words.corpus.window; ++at) {
    if (at == centre.at) continue;
    const bool within = centre.low <= at && at < centre.high;
    w.context[count] = within ? a.words.input + words.ids[at] * a.words.stride : a.padding;
    w.factors[count++] = within && a.words.lock ? a.words.lock[words.ids[at]] : 1.0f;
  }
  return {count, a.words.outputs.frozen ? own : count};
}

// PV-DM with concatenation: the tags and the window predict a word, each from its place.
void train_places(const Doc2Vec& a, const Words& words, const GroupTags& tags, const Group& group, float alpha,
                  Workspace& w, TrainingTotals& totals) {
  const std::int64_t size = a.size, stride = a.words.outputs.stride;
  int centres[kShared];
  w.in.count = 0;
  for (int c = 0; c < group.count; ++c) {
    const Context context = gather_places(a, words, tags.of[c], group.centres[c], w);
    if (tags.of[c].count != a.most_tags) continue;
    const int m = w.in.count++;
    centres[m] = c;
    float *hidden = w.hidden + m * stride, *step = w.steps + m * stride;
    // A row's padding of zeros spills into the place of the next, which is written after it.
    for (int j = 0; j < context.count; ++j) {
      for (std::int64_t i = 0; i < size; i += W) store(hidden + j * size + i, load(w.context[j] + i));
    }
    clear(step, stride);
    w.in.a[m] = hidden;
    w.in.step[m] = step;
    for (int d = 0; d < kShared; ++d) w.in.times[m][d] = d == c;
  }
  if (w.in.count == 0) return;
  w.in.predictions = w.in.count;
  train_outputs(a.words, group, w.in, static_cast<std::size_t>(a.places_size), alpha, w, totals);
  for (int m = 0; m < w.in.count; ++m) {
    const Context context = gather_places(a, words, tags.of[centres[m]], group.centres[centres[m]], w);
    for (int j = 0; j < context.learning; ++j) {
      const F factor = splat(w.factors[j]);
      const float* step = w.in.step[m] + j * size;
      for (std::int64_t i = 0; i < size; i += W) {
        const auto left = static_cast<std::size_t>(size - i);
        float* row = w.context[j] + i;
        store_up_to(row, load_up_to(row, left) + factor * load_up_to(step + i, left), left);
      }
    }
  }
}

void doc2vec(const Doc2Vec& a, std::int64_t begin, std::int64_t end, float alpha, void* workspace,
             TrainingTotals& totals) {
  Arena arena{static_cast<char*>(workspace)};
  Workspace w = take_workspace(a, arena);
  const Word2Vec& base = a.words;
  GroupTags tags;
  tags.document = document_of(a, begin);
  train_groups(base, begin, end, w, totals, [&](const Words& words, const Group& group) {
    tags.find(a, words, group);
    if (a.concatenate) {
      train_places(a, words, tags, group, alpha, w, totals);
    } else if (!base.skip_gram) {
      train_memory(a, words, tags, group, alpha, w, totals);
    } else {
      if (a.train_words) train_skip_gram(base, words, group, alpha, w, totals);
      train_tags(a, tags, group, alpha, w, totals);
    }
  });
}

std::size_t doc2vec_workspace(const Doc2Vec& a) {
  Arena arena{nullptr};
  take_workspace(a, arena);
  return arena.used;
}

}  // namespace

void fill_doc2vec(Kernels& table) {
  table.doc2vec = doc2vec;
  table.doc2vec_workspace = doc2vec_workspace;
}

}  // namespace lexigrad::LEXIGRAD_ISA
