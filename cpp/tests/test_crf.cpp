// The CRF on every instruction set against the sum over all paths.
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "levels.h"

namespace {

using namespace lexigrad;

void test_all_paths(const Kernels& k) {
  constexpr std::int64_t T = 4, K = 3;
  std::mt19937 random(1);
  std::normal_distribution<float> value;
  std::vector<float> emissions(T * K), transitions(K * K), start(K), end(K);
  for (auto* scores : {&emissions, &transitions, &start, &end}) {
    for (auto& v : *scores) v = value(random);
  }
  const auto score_of = [&](const std::vector<std::int64_t>& y) {
    double score = start[y.front()] + end[y.back()];
    for (std::size_t t = 0; t < y.size(); ++t) {
      score += emissions[t * K + y[t]] + (t > 0 ? transitions[y[t - 1] * K + y[t]] : 0.0f);
    }
    return score;
  };
  for (std::int64_t length = 1; length <= T; ++length) {
    double total = 0, best = -1e9;
    std::vector<std::int64_t> path(length, 0), best_path;
    std::vector<double> posteriors(length * K);
    for (bool more = true; more;) {
      const double score = score_of(path);
      total += std::exp(score);
      for (std::int64_t t = 0; t < length; ++t) posteriors[t * K + path[t]] += std::exp(score);
      if (score > best) {
        best = score;
        best_path = path;
      }
      std::int64_t t = 0;
      while (t < length && ++path[t] == K) path[t++] = 0;
      more = t < length;
    }
    double loss = 0;
    std::vector<float> demissions(T * K + 1, 7.0f), dtransitions(K * K + 1, 7.0f), dstart(K + 1, 7.0f),
        dend(K + 1, 7.0f);
    std::vector<std::int64_t> found(T);
    const Crf a{emissions.data(), T,           1,           K,     &length,           transitions.data(),
                start.data(),     end.data(),  nullptr,     &loss, demissions.data(), dtransitions.data(),
                dstart.data(),    dend.data(), found.data()};
    std::vector<float> workspace(k.crf_workspace(a, 0) + 16);
    k.crf(a, 0, workspace.data());
    CHECK_NEAR(loss, std::log(total), 1e-5);
    for (std::int64_t i = 0; i < length * K; ++i) CHECK_NEAR(demissions[i], posteriors[i] / total, 1e-5);
    for (std::int64_t i = length * K; i < T * K; ++i) CHECK(demissions[i] == 0);
    double moves = 0;
    for (std::int64_t i = 0; i < K * K; ++i) moves += dtransitions[i];
    CHECK_NEAR(moves, static_cast<double>(length - 1), 1e-5);
    for (const auto* array : {&demissions, &dtransitions, &dstart, &dend}) CHECK(array->back() == 7.0f);
    k.crf_decode(a, 0, workspace.data());
    CHECK_NEAR(loss, best, 1e-5);
    for (std::int64_t t = 0; t < T; ++t) CHECK(found[t] == (t < length ? best_path[t] : -1));
  }
}

}  // namespace

int main() {
  for (const Kernels& k : levels()) test_all_paths(k);
  return 0;
}
