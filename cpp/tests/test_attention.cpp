// Attention on every instruction set against float64; nothing is written past a row.
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "levels.h"

namespace {

using namespace lexigrad;

constexpr float kGuard = 12345;

std::vector<float> values(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> value(0, 0.5);
  std::vector<float> result(count);
  for (auto& v : result) v = value(random);
  return result;
}

struct Case {
  std::int64_t T, S, B, H;
};

void test_one(const Kernels& k, const Case& c) {
  const auto [T, S, B, H] = c;
  const auto query = values(T * B * H, 1), keys = values(S * B * H, 2), v = values(H, 3);
  const auto dcontext = values(T * B * H, 4);
  std::vector<std::uint8_t> mask(B * S);
  for (std::int64_t i = 0; i < B * S; ++i) mask[i] = i % 3 != 1;
  std::vector<float> weights(B * T * S + 1, kGuard), context(T * B * H + 1, kGuard), scores = weights;
  std::vector<float> dscores = weights, dquery = context, dkeys(S * B * H + 1, kGuard), dv(B * H + 1, kGuard);
  const Attention a{T, S, B, H, H, query.data(), keys.data(), keys.data(), mask.data(), weights.data(), context.data()};
  const AttentionBackward g{a, dcontext.data(), nullptr, dscores.data(), dquery.data(), dkeys.data(), nullptr};
  AdditiveScores additive{T,       S,       B,       H,      query.data(), keys.data(), v.data(), scores.data(),
                          nullptr, nullptr, nullptr, nullptr};
  for (std::int64_t b = 0; b < B; ++b) {
    k.attention_forward(a, b);
    k.attention_backward(g, b);
    k.additive_scores_forward(additive, b);
  }
  for (const auto* out : {&weights, &context, &scores, &dscores, &dquery, &dkeys}) CHECK(out->back() == kGuard);
  for (std::int64_t b = 0; b < B; ++b) {
    for (std::int64_t t = 0; t < T; ++t) {
      std::vector<double> w(S);
      double total = 0;
      for (std::int64_t s = 0; s < S; ++s) {
        double dot = 0, score = 0;
        for (std::int64_t d = 0; d < H; ++d) {
          const double x = query[(t * B + b) * H + d], y = keys[(s * B + b) * H + d];
          dot += x * y;
          score += v[d] * std::tanh(x + y);
        }
        CHECK_NEAR(scores[(b * T + t) * S + s], score, 1e-4);
        w[s] = mask[b * S + s] ? std::exp(dot) : 0;
        total += w[s];
      }
      double sum = 0;
      for (std::int64_t s = 0; s < S; ++s) {
        CHECK_NEAR(weights[(b * T + t) * S + s], total > 0 ? w[s] / total : 0, 1e-5);
        sum += dscores[(b * T + t) * S + s];
      }
      CHECK_NEAR(sum, 0, 1e-4);  // a softmax does not change when all scores rise together
      for (std::int64_t d = 0; d < H; ++d) {
        double exact = 0;
        for (std::int64_t s = 0; s < S && total > 0; ++s) exact += w[s] / total * keys[(s * B + b) * H + d];
        CHECK_NEAR(context[(t * B + b) * H + d], exact, 1e-5);
      }
    }
  }
  // Backward of the additive scores: the gradient of their sum with respect to v is the sum of the tanh.
  const std::vector<float> ones(B * T * S, 1.0f);
  additive.dscores = ones.data();
  additive.dquery = dquery.data();
  additive.dkeys = dkeys.data();
  additive.dv = dv.data();
  for (std::int64_t b = 0; b < B; ++b) {
    k.additive_scores_backward(additive, b);
    for (std::int64_t d = 0; d < H; ++d) {
      double exact = 0;
      for (std::int64_t t = 0; t < T; ++t) {
        for (std::int64_t s = 0; s < S; ++s) {
          exact += std::tanh(static_cast<double>(query[(t * B + b) * H + d]) + keys[(s * B + b) * H + d]);
        }
      }
      CHECK_NEAR(dv[b * H + d], exact, 1e-4);
    }
  }
  for (const auto* out : {&dquery, &dkeys, &dv}) CHECK(out->back() == kGuard);
}

}  // namespace

int main() {
  for (const Kernels& k : levels()) {
    for (const Case& c :
         {Case{1, 1, 1, 1}, Case{1, 5, 2, 16}, Case{3, 7, 2, 17}, Case{6, 4, 3, 33}, Case{4, 9, 1, 70}}) {
      test_one(k, c);
    }
  }
  return 0;
}
