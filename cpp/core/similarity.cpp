#include "core/similarity.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "core/dispatch.h"
#include "core/parallel.h"

namespace lexigrad {
namespace {

constexpr std::int64_t kQueriesPerTask = 64;  // their codes fit in the L2 cache
constexpr std::int64_t kProductsPerTask = 1 << 21;

struct Hit {
  float score;
  std::int64_t index;
};

bool better(const Hit& a, const Hit& b) { return a.score != b.score ? a.score > b.score : a.index < b.index; }

// The best so far of one query, in one thread: a heap with the worst on top.
struct Best {
  std::vector<Hit> hits;

  void offer(Hit hit, std::int64_t topn) {
    if (static_cast<std::int64_t>(hits.size()) < topn) {
      hits.push_back(hit);
    } else if (better(hit, hits.front())) {
      std::pop_heap(hits.begin(), hits.end(), better);
      hits.back() = hit;
    } else {
      return;
    }
    std::push_heap(hits.begin(), hits.end(), better);
  }

  // What a score must reach to matter.
  float bar(std::int64_t topn) const {
    return static_cast<std::int64_t>(hits.size()) < topn ? -std::numeric_limits<float>::infinity() : hits.front().score;
  }
};

// Queries in 16 bits, and what bounds the error of their products with codes. With unit row x, code x', query q,
// its code q' and lengths in bars: |x.q - x'.q'| <= |x - x'| |q| + |x'| |q - q'|, and |x'| <= 2 + |x - x'|.
struct Codes {
  std::vector<std::int16_t> values;            // (count, width)
  std::vector<float> units, weights, margins;  // (count)

  Codes(const Searched& s, const Neighbours& n, int threads)
      : values(n.count * s.width), units(n.count), weights(n.count), margins(n.count) {
    // Sums of products must fit in 32 bits.
    const double top = std::clamp<double>((1LL << 31) / (127.0 * s.size) - 1, 1.0, 32767.0);
    const std::int64_t tasks = (n.count + kQueriesPerTask - 1) / kQueriesPerTask;
    parallel_for(tasks, threads, [&](std::int64_t task, int) {
      const std::int64_t end = std::min(n.count, (task + 1) * kQueriesPerTask);
      for (std::int64_t q = task * kQueriesPerTask; q < end; ++q) {
        quantise(q, n.queries + q * s.size, s.size, top, &values[q * s.width]);
      }
    });
  }

 private:
  void quantise(std::int64_t q, const float* query, std::int64_t size, double top, std::int16_t* codes) {
    double largest = 0, square = 0, left = 0;
    for (std::int64_t d = 0; d < size; ++d) {
      largest = std::max(largest, std::abs(static_cast<double>(query[d])));
      square += static_cast<double>(query[d]) * query[d];
    }
    if (!std::isfinite(square)) {  // the bound is NaN and no row passes
      units[q] = weights[q] = margins[q] = std::numeric_limits<float>::quiet_NaN();
      return;
    }
    const double unit = largest > 0 ? largest / top : 1;
    for (std::int64_t d = 0; d < size; ++d) {
      const double code = std::nearbyint(query[d] / unit);
      codes[d] = static_cast<std::int16_t>(code);
      left += (query[d] - code * unit) * (query[d] - code * unit);
    }
    const double length = std::sqrt(square), error = std::sqrt(left);
    units[q] = static_cast<float>(unit);
    weights[q] = static_cast<float>((length + error) * 1.0001);
    // float32 rounding of the score itself, of the bound, and of the norms: a generous multiple of 2^-24.
    margins[q] = static_cast<float>(2 * error + 4e-7 * static_cast<double>(size + 16) * (length + error));
  }
};

bool is_excluded(const Neighbours& n, std::int64_t q, std::int64_t row) {
  const auto* first = n.excluded + n.excluded_offsets[q];
  const auto* last = n.excluded + n.excluded_offsets[q + 1];
  return std::find(first, last, row) != last;
}

// What a query's score must reach to matter, as far as any thread knows: each has its own best, of some of the rows.
using Bars = std::vector<std::atomic<float>>;

void raise(std::atomic<float>& bar, float score) {
  float before = bar.load(std::memory_order_relaxed);
  while (score > before && !bar.compare_exchange_weak(before, score, std::memory_order_relaxed)) {
  }
}

// One thread's search: queries [first, first + count) among the rows [begin, end).
class Searcher {
 public:
  Searcher(const Searched& s, const Neighbours& n, Bars& bars) : s_(s), n_(n), bars_(bars), best_(n.count) {}

  void search(const Codes& codes, std::int64_t first, std::int64_t count, std::int64_t begin, std::int64_t end) {
    float bars[kQueriesPerTask];
    std::int64_t passes[kQueriesPerTask];
    passed_.resize(kQueriesPerTask * kScreenRows);
    for (std::int64_t q = 0; q < count; ++q) bars[q] = bar(codes, first + q);
    const Screen screen{s_.codes,
                        s_.width,
                        s_.scales,
                        s_.errors,
                        &codes.values[first * s_.width],
                        count,
                        &codes.units[first],
                        &codes.weights[first],
                        bars,
                        passed_.data(),
                        passes};
    for (std::int64_t row = begin; row < end; row += kScreenRows) {
      kernels().screen(screen, row, std::min(end, row + kScreenRows));
      for (std::int64_t q = 0; q < count; ++q) {
        if (passes[q] == 0) continue;
        rescore(first + q, &passed_[q * kScreenRows], passes[q]);
        bars[q] = bar(codes, first + q);
      }
    }
  }

  const std::vector<Hit>& hits(std::int64_t q) const { return best_[q].hits; }

 private:
  float bar(const Codes& codes, std::int64_t q) const {
    return bars_[q].load(std::memory_order_relaxed) - codes.margins[q];
  }

  void rescore(std::int64_t q, const std::int64_t* rows, std::int64_t count) {
    float scores[kScreenRows];
    kernels().row_dots({s_.rows, s_.stride, s_.size, n_.queries + q * s_.size, rows, scores}, 0, count);
    for (std::int64_t i = 0; i < count; ++i) {
      const float norm = s_.norms[rows[i]];
      const float score = norm > 0 ? scores[i] / norm : 0;
      if (std::isnan(score) || is_excluded(n_, q, rows[i])) continue;
      best_[q].offer({score, rows[i]}, n_.topn);
    }
    raise(bars_[q], best_[q].bar(n_.topn));
  }

  const Searched& s_;
  const Neighbours& n_;
  Bars& bars_;
  std::vector<Best> best_;
  std::vector<std::int64_t> passed_;
};

void merge(const Neighbours& n, const std::vector<Searcher>& searchers, std::int64_t q) {
  std::vector<Hit> all;
  for (const auto& searcher : searchers) all.insert(all.end(), searcher.hits(q).begin(), searcher.hits(q).end());
  const auto kept = std::min<std::int64_t>(n.topn, static_cast<std::int64_t>(all.size()));
  std::partial_sort(all.begin(), all.begin() + kept, all.end(), better);
  for (std::int64_t i = 0; i < n.topn; ++i) {
    n.indices[q * n.topn + i] = i < kept ? all[i].index : -1;
    n.scores[q * n.topn + i] = i < kept ? all[i].score : std::numeric_limits<float>::quiet_NaN();
  }
}

}  // namespace

void find_neighbours(const Searched& s, const Neighbours& n, int threads) {
  if (n.count == 0 || n.topn == 0) return;
  const Codes codes(s, n, threads);
  Bars bars(n.count);
  for (auto& bar : bars) bar.store(-std::numeric_limits<float>::infinity(), std::memory_order_relaxed);
  std::vector<Searcher> searchers(std::max(1, threads), Searcher(s, n, bars));
  const std::int64_t per_block = std::min(n.count, kQueriesPerTask);
  const std::int64_t blocks = (n.count + per_block - 1) / per_block;
  const std::int64_t rows_per_task =
      std::max<std::int64_t>(16 * kScreenRows, kProductsPerTask / (s.width * per_block) / kScreenRows * kScreenRows);
  const std::int64_t parts = (s.end - s.begin + rows_per_task - 1) / rows_per_task;
  parallel_for(blocks * parts, threads, [&](std::int64_t task, int worker) {
    const std::int64_t first = task / parts * per_block;
    const std::int64_t begin = s.begin + task % parts * rows_per_task;
    searchers[worker].search(codes, first, std::min(per_block, n.count - first), begin,
                             std::min(s.end, begin + rows_per_task));
  });
  parallel_for(n.count, threads, [&](std::int64_t q, int) { merge(n, searchers, q); });
}

}  // namespace lexigrad
