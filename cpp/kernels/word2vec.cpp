// word2vec (Mikolov et al. 2013): skip-gram and CBOW over a stream of word ids.
#include "kernels/word2vec.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

Workspace take_workspace(const Word2Vec& a, Arena& arena) {
  return take_workspace(a, static_cast<std::size_t>(2 * reach(a.corpus)), arena);
}

void word2vec(const Word2Vec& a, std::int64_t begin, std::int64_t end, float alpha, void* workspace,
              TrainingTotals& totals) {
  Arena arena{static_cast<char*>(workspace)};
  Workspace w = take_workspace(a, arena);
  train_groups(a, begin, end, w, totals, [&](const Words& words, const Group& group) {
    if (a.skip_gram) {
      train_skip_gram(a, words, group, alpha, w, totals);
    } else {
      train_means(a, group, alpha, w, totals, [&](int c) {
        const int count = gather_window(a, words, group.centres[c], 0, w);
        return Context{count, count};
      });
    }
  });
}

std::size_t word2vec_workspace(const Word2Vec& a) {
  Arena arena{nullptr};
  take_workspace(a, arena);
  return arena.used;
}

}  // namespace

void fill_word2vec(Kernels& table) {
  table.word2vec = word2vec;
  table.word2vec_workspace = word2vec_workspace;
}

}  // namespace lexigrad::LEXIGRAD_ISA
