// The labels that CTC's scores most probably mean: a search over prefixes, each summed over its alignments
// (Graves 2012; Hannun et al. 2014).
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lexigrad {

// The search over the frames of one sound. Prefixes are ranked by
//   log p(labels | frames) + weight log p(labels) + bonus |labels|.
// With a language model, each prefix of the beam needs its log p(label | prefix) before another frame is read.
class PrefixBeams {
 public:
  struct Settings {
    std::int64_t classes, blank, beam_size;
    std::int64_t followers;  // classes that a prefix may go on with in a frame
    bool with_language_model;
    double weight, bonus;
  };
  struct Result {
    std::vector<std::int64_t> labels;
    double score;
  };

  explicit PrefixBeams(const Settings& settings);

  // Reads log-probabilities (classes) of frames, until all are read or a prefix of the beam lacks what follows it;
  // returns how many were read.
  std::int64_t advance(const float* frames, std::int64_t count);

  // The prefixes of the beam whose followers' log-probabilities are not known.
  std::vector<std::vector<std::int64_t>> missing() const;

  // Those of the first that is missing: (classes), that of the end at the blank's place.
  void supply(const double* log_probs);

  // All of the beam, the best first. Nothing must be missing.
  std::vector<Result> results() const;

 private:
  struct Node {
    std::int64_t parent, label;  // of the root: -1 and the blank
    double prior;                // weight log p(labels) + bonus |labels|
    std::int64_t row = -1;       // of followers_
  };
  struct Way {  // to have read a prefix: the node before it and its last label, or the root
    std::int64_t parent, label;
    double of_blank, of_label;  // log-probability of the alignments that end in a blank, or in the label
  };
  struct Beam {
    std::int64_t node;
    double of_blank, of_label;
  };

  void read(const float* frame);
  Way& way(std::int64_t parent, std::int64_t label);
  std::int64_t node_of(const Way& way);
  double prior(const Way& way) const;
  std::vector<std::int64_t> labels(std::int64_t node) const;
  std::int64_t first_missing() const;

  Settings settings_;
  std::vector<Node> nodes_;
  std::vector<Beam> beams_;
  std::vector<double> followers_;  // (rows, classes)
  // What is keyed by (parent, label):
  std::unordered_map<std::uint64_t, std::int64_t> children_;  // nodes
  std::unordered_map<std::uint64_t, std::size_t> places_;     // in ways_
  std::vector<Way> ways_;
  std::vector<std::int64_t> order_;
  std::vector<std::pair<double, std::size_t>> ranked_;
};

}  // namespace lexigrad
