#include "core/cooccurrence.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "core/parallel.h"

namespace lexigrad {
namespace {

constexpr std::int64_t kTaskEntries = 1 << 16;  // that a task's rows may have: some hundred microseconds
constexpr std::int64_t kLookAhead = 8;          // places whose words are on their way from memory

// A row that is being summed: an array of all columns, and two levels of bits that tell which of them are there.
class RowSum {
 public:
  explicit RowSum(std::int32_t columns)
      : sums_(static_cast<std::size_t>(columns)), bits_(sums_.size() / 64 + 1), summary_(bits_.size() / 64 + 1) {}

  void add(std::int32_t column, double value) {
    const auto c = static_cast<std::uint32_t>(column);
    sums_[c] += value;
    bits_[c >> 6] |= std::uint64_t{1} << (c & 63);
    summary_[c >> 12] |= std::uint64_t{1} << ((c >> 6) & 63);
  }

  // Appends the row to a block and begins another one.
  void flush(RowBlock& block) {
    const std::size_t before = block.columns.size();
    for (std::size_t s = 0; s < summary_.size(); ++s) {
      for (std::uint64_t groups = std::exchange(summary_[s], 0); groups; groups &= groups - 1) {
        const std::size_t group = 64 * s + static_cast<std::size_t>(std::countr_zero(groups));
        for (std::uint64_t found = std::exchange(bits_[group], 0); found; found &= found - 1) {
          const std::size_t c = 64 * group + static_cast<std::size_t>(std::countr_zero(found));
          block.columns.push_back(static_cast<std::int32_t>(c));
          block.values.push_back(static_cast<float>(std::exchange(sums_[c], 0.0)));
        }
      }
    }
    block.sizes.push_back(static_cast<std::int64_t>(block.columns.size() - before));
  }

 private:
  std::vector<double> sums_;
  std::vector<std::uint64_t> bits_, summary_;
};

// Cuts [first, last) where the rows so far may have kTaskEntries entries, and runs body(row, sum) for each row.
template <typename Entries, typename Body>
std::vector<RowBlock> sum_rows(std::int64_t first, std::int64_t last, std::int32_t columns, int threads,
                               const Entries& entries, const Body& body) {
  std::vector<std::int64_t> cuts{first};
  for (std::int64_t row = first, waiting = 0; row < last; ++row) {
    waiting += entries(row) + 1;
    if (waiting < kTaskEntries && row + 1 < last) continue;
    cuts.push_back(row + 1);
    waiting = 0;
  }
  std::vector<RowBlock> blocks(cuts.size() - 1);
  std::vector<std::vector<RowSum>> sums(static_cast<std::size_t>(std::max(threads, 1)));  // 0 or 1 of each worker
  parallel_for(static_cast<std::int64_t>(blocks.size()), threads, [&](std::int64_t task, int worker) {
    auto& own = sums[static_cast<std::size_t>(worker)];
    if (own.empty()) own.emplace_back(columns);
    const auto t = static_cast<std::size_t>(task);
    for (std::int64_t row = cuts[t]; row < cuts[t + 1]; ++row) {
      body(row, own.front());
      own.front().flush(blocks[t]);
    }
  });
  return blocks;
}

}  // namespace

CooccurrenceCounter::CooccurrenceCounter(std::span<const std::int32_t> tokens, std::int64_t begin, std::int64_t end,
                                         std::int32_t vocabulary, Neighbourhood neighbourhood, int threads)
    : tokens_(tokens),
      begin_(begin),
      vocabulary_(vocabulary),
      neighbourhood_(std::move(neighbourhood)),
      threads_(threads),
      starts_(static_cast<std::size_t>(vocabulary) + 1) {
  if (begin < 0 || begin > end || end > std::ssize(tokens)) {
    throw std::invalid_argument("begin and end must lie within the tokens");
  }
  if (end - begin > INT64_C(0xffffffff)) throw std::invalid_argument("a stretch must be shorter than 2^32 tokens");
  const auto reach = std::ssize(neighbourhood_.weights);
  const std::int64_t low = begin - std::min<std::int64_t>(begin, reach);
  const std::int64_t high = end + std::min<std::int64_t>(std::ssize(tokens) - end, reach);
  for (std::int64_t p = low; p < high; ++p) {
    if (tokens[static_cast<std::size_t>(p)] >= vocabulary) {
      throw std::invalid_argument("tokens must lie below the vocabulary's size");
    }
  }
  const auto stretch = tokens.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  for (const std::int32_t id : stretch) {
    if (id >= 0) ++starts_[static_cast<std::size_t>(id) + 1];
  }
  for (std::size_t w = 1; w < starts_.size(); ++w) starts_[w] += starts_[w - 1];
  places_.resize(static_cast<std::size_t>(starts_.back()));
  // Each thread sorts the places of its own range of words, of about equal shares of the text.
  std::vector<std::int64_t> next(starts_.begin(), starts_.end() - 1);
  parallel_for(threads, threads, [&](std::int64_t part, int) {
    const auto border = [&](std::int64_t i) {
      const auto at = std::lower_bound(starts_.begin(), starts_.end() - 1, i * starts_.back() / threads);
      return i == threads ? std::int64_t{vocabulary} : at - starts_.begin();
    };
    const std::int64_t first = border(part), last = border(part + 1);
    for (std::size_t p = 0; p < stretch.size(); ++p) {
      const std::int32_t id = stretch[p];
      if (id < first || id >= last) continue;
      places_[static_cast<std::size_t>(next[static_cast<std::size_t>(id)]++)] = static_cast<std::uint32_t>(p);
    }
  });
}

std::int64_t CooccurrenceCounter::most_entries(std::int64_t row) const {
  const auto r = static_cast<std::size_t>(row);
  const std::int64_t found = starts_[r + 1] - starts_[r];
  const std::int64_t sides = neighbourhood_.symmetric ? 2 : 1;
  const std::int64_t each = sides * std::min<std::int64_t>(std::ssize(neighbourhood_.weights), std::ssize(tokens_));
  return found > vocabulary_ / std::max<std::int64_t>(each, 1) ? vocabulary_ : found * each;
}

std::vector<RowBlock> CooccurrenceCounter::rows(std::int64_t first, std::int64_t last) const {
  if (first < 0 || first > last || last > vocabulary_) throw std::invalid_argument("rows must lie in the vocabulary");
  const auto reach = std::ssize(neighbourhood_.weights);
  const double* weights = neighbourhood_.weights.data();
  const auto size = std::ssize(tokens_);
  const auto work = [&](std::int64_t row) {
    const auto r = static_cast<std::size_t>(row);
    return (starts_[r + 1] - starts_[r]) * std::min<std::int64_t>(reach, size);
  };
  return sum_rows(first, last, vocabulary_, threads_, work, [&](std::int64_t row, RowSum& sum) {
    const auto r = static_cast<std::size_t>(row);
    for (std::int64_t i = starts_[r]; i < starts_[r + 1]; ++i) {
      if (i + kLookAhead < starts_[r + 1]) {
        __builtin_prefetch(
            &tokens_[static_cast<std::size_t>(begin_) + places_[static_cast<std::size_t>(i + kLookAhead)]]);
      }
      const std::int64_t place = begin_ + places_[static_cast<std::size_t>(i)];
      const std::int32_t* centre = tokens_.data() + place;
      const std::int64_t after = std::min<std::int64_t>(reach, size - 1 - place);
      for (std::int64_t d = 1; d <= after && centre[d] >= 0; ++d) sum.add(centre[d], weights[d - 1]);
      if (!neighbourhood_.symmetric) continue;
      const std::int64_t before = std::min<std::int64_t>(reach, place);
      for (std::int64_t d = 1; d <= before && centre[-d] >= 0; ++d) sum.add(centre[-d], weights[d - 1]);
    }
  });
}

std::vector<RowBlock> merged_rows(std::span<const SparseRows> parts, std::int64_t first, std::int64_t last,
                                  std::int32_t columns, int threads) {
  const auto work = [&](std::int64_t row) {
    std::int64_t entries = 0;
    for (const auto& part : parts) entries += part.offsets[row + 1] - part.offsets[row];
    return entries;
  };
  return sum_rows(first, last, columns, threads, work, [&](std::int64_t row, RowSum& sum) {
    for (const auto& part : parts) {
      for (std::int64_t i = part.offsets[row]; i < part.offsets[row + 1]; ++i) {
        sum.add(part.columns[i], static_cast<double>(part.values[i]));
      }
    }
  });
}

std::int64_t positive_information(std::int64_t rows, std::int64_t* offsets, std::int32_t* columns, float* values,
                                  const double* row_logs, const double* column_logs, double log_shift, int threads) {
  constexpr std::int64_t kRows = 64;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(rows));
  parallel_for((rows + kRows - 1) / kRows, threads, [&](std::int64_t task, int) {
    for (std::int64_t row = task * kRows; row < std::min(rows, (task + 1) * kRows); ++row) {
      std::int64_t kept = offsets[row];
      for (std::int64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
        const std::int32_t column = columns[i];
        const double information =
            std::log(static_cast<double>(values[i])) - row_logs[row] - column_logs[column] - log_shift;
        if (!(information > 0)) continue;
        columns[kept] = column;
        values[kept++] = static_cast<float>(information);
      }
      sizes[static_cast<std::size_t>(row)] = kept - offsets[row];
    }
  });
  std::int64_t end = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t begin = offsets[row];
    const auto size = static_cast<std::size_t>(sizes[static_cast<std::size_t>(row)]);
    std::memmove(columns + end, columns + begin, size * sizeof *columns);
    std::memmove(values + end, values + begin, size * sizeof *values);
    offsets[row] = end;
    end += static_cast<std::int64_t>(size);
  }
  offsets[rows] = end;
  return end;
}

std::vector<RowBlock> sentence_rows(std::span<const std::int32_t> tokens, std::int32_t vocabulary, int threads) {
  std::vector<std::int64_t> starts{0};  // of the sentences, and the end of the last one
  for (std::size_t p = 0; p < tokens.size(); ++p) {
    if (tokens[p] >= vocabulary) throw std::invalid_argument("tokens must lie below the vocabulary's size");
    if (tokens[p] < 0) starts.push_back(static_cast<std::int64_t>(p) + 1);
  }
  const auto length = [&](std::int64_t s) {
    const auto i = static_cast<std::size_t>(s);
    return starts[i + 1] - 1 - starts[i];
  };
  return sum_rows(0, std::ssize(starts) - 1, vocabulary, threads, length, [&](std::int64_t s, RowSum& sum) {
    for (std::int64_t i = 0; i < length(s); ++i) {
      sum.add(tokens[static_cast<std::size_t>(starts[static_cast<std::size_t>(s)] + i)], 1.0);
    }
  });
}

}  // namespace lexigrad
