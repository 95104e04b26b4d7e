#include "core/ctc_decode.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace lexigrad {
namespace {

constexpr double NEVER = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  if (a < b) std::swap(a, b);
  return b == NEVER ? a : a + std::log1p(std::exp(b - a));
}

std::uint64_t key(std::int64_t parent, std::int64_t label) {
  return static_cast<std::uint64_t>(parent + 1) << 32 | static_cast<std::uint64_t>(label);
}

}  // namespace

PrefixBeams::PrefixBeams(const Settings& settings) : settings_(settings) {
  nodes_.push_back({-1, settings_.blank, 0.0});
  beams_.push_back({0, 0.0, NEVER});
  order_.resize(static_cast<std::size_t>(settings_.classes));
}

std::int64_t PrefixBeams::advance(const float* frames, std::int64_t count) {
  for (std::int64_t t = 0; t < count; ++t) {
    if (first_missing() >= 0) return t;
    read(frames + t * settings_.classes);
  }
  return count;
}

void PrefixBeams::read(const float* frame) {
  const std::int64_t blank = settings_.blank;
  // The most probable classes; among equals the first.
  const auto kept = static_cast<std::ptrdiff_t>(std::min(settings_.followers + 1, settings_.classes));
  std::iota(order_.begin(), order_.end(), 0);
  std::partial_sort(order_.begin(), order_.begin() + kept, order_.end(),
                    [&](std::int64_t a, std::int64_t b) { return frame[a] != frame[b] ? frame[a] > frame[b] : a < b; });
  ways_.clear();
  places_.clear();
  for (const Beam& beam : beams_) {
    const Node node = nodes_[static_cast<std::size_t>(beam.node)];
    const double total = log_add(beam.of_blank, beam.of_label);
    {
      Way& same = way(node.parent, node.label);
      same.of_blank = log_add(same.of_blank, total + double{frame[blank]});
      if (beam.node != 0) same.of_label = log_add(same.of_label, beam.of_label + double{frame[node.label]});
    }
    for (std::ptrdiff_t i = 0; i < kept; ++i) {
      const std::int64_t k = order_[static_cast<std::size_t>(i)];
      if (k == blank) continue;
      Way& longer = way(beam.node, k);  // the same label again only after a blank
      longer.of_label = log_add(longer.of_label, (k == node.label ? beam.of_blank : total) + double{frame[k]});
    }
  }
  ranked_.clear();
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    ranked_.emplace_back(log_add(ways_[i].of_blank, ways_[i].of_label) + prior(ways_[i]), i);
  }
  const auto best =
      static_cast<std::ptrdiff_t>(std::min(ranked_.size(), static_cast<std::size_t>(settings_.beam_size)));
  std::partial_sort(ranked_.begin(), ranked_.begin() + best, ranked_.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  beams_.clear();
  for (std::ptrdiff_t i = 0; i < best; ++i) {
    const Way& one = ways_[ranked_[static_cast<std::size_t>(i)].second];
    beams_.push_back({node_of(one), one.of_blank, one.of_label});
  }
}

PrefixBeams::Way& PrefixBeams::way(std::int64_t parent, std::int64_t label) {
  const auto [place, is_new] = places_.try_emplace(key(parent, label), ways_.size());
  if (is_new) ways_.push_back({parent, label, NEVER, NEVER});
  return ways_[place->second];
}

double PrefixBeams::prior(const Way& way) const {
  if (way.parent < 0) return 0.0;
  const Node& before = nodes_[static_cast<std::size_t>(way.parent)];
  double step = settings_.bonus;
  if (settings_.with_language_model && settings_.weight > 0) {  // 0 times -infinity is no number
    step += settings_.weight * followers_[static_cast<std::size_t>(before.row * settings_.classes + way.label)];
  }
  return before.prior + step;
}

std::int64_t PrefixBeams::node_of(const Way& way) {
  if (way.parent < 0) return 0;
  const auto next = static_cast<std::int64_t>(nodes_.size());
  const auto [place, is_new] = children_.try_emplace(key(way.parent, way.label), next);
  if (is_new) nodes_.push_back({way.parent, way.label, prior(way)});
  return place->second;
}

std::int64_t PrefixBeams::first_missing() const {
  if (!settings_.with_language_model) return -1;
  for (const Beam& beam : beams_) {
    if (nodes_[static_cast<std::size_t>(beam.node)].row < 0) return beam.node;
  }
  return -1;
}

std::vector<std::vector<std::int64_t>> PrefixBeams::missing() const {
  std::vector<std::vector<std::int64_t>> found;
  if (!settings_.with_language_model) return found;
  for (const Beam& beam : beams_) {
    if (nodes_[static_cast<std::size_t>(beam.node)].row < 0) found.push_back(labels(beam.node));
  }
  return found;
}

void PrefixBeams::supply(const double* log_probs) {
  const std::int64_t node = first_missing();
  if (node < 0) throw std::invalid_argument("no prefix lacks the log-probabilities of what follows it");
  nodes_[static_cast<std::size_t>(node)].row = static_cast<std::int64_t>(followers_.size()) / settings_.classes;
  followers_.insert(followers_.end(), log_probs, log_probs + settings_.classes);
}

std::vector<PrefixBeams::Result> PrefixBeams::results() const {
  if (first_missing() >= 0) throw std::invalid_argument("prefixes lack the log-probabilities of what follows them");
  std::vector<Result> found;
  for (const Beam& beam : beams_) {
    const Node& node = nodes_[static_cast<std::size_t>(beam.node)];
    double score = log_add(beam.of_blank, beam.of_label) + node.prior;
    if (settings_.with_language_model && settings_.weight > 0) {
      score += settings_.weight * followers_[static_cast<std::size_t>(node.row * settings_.classes + settings_.blank)];
    }
    found.push_back({labels(beam.node), score});
  }
  std::stable_sort(found.begin(), found.end(), [](const Result& a, const Result& b) { return a.score > b.score; });
  return found;
}

std::vector<std::int64_t> PrefixBeams::labels(std::int64_t node) const {
  std::vector<std::int64_t> found;
  for (; node > 0; node = nodes_[static_cast<std::size_t>(node)].parent) {
    found.push_back(nodes_[static_cast<std::size_t>(node)].label);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace lexigrad
