// The similarity kernels on every instruction set, and the search on any number of threads, against plain loops.
#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "check.h"
#include "core/similarity.h"
#include "levels.h"

namespace {

using namespace lexigrad;

struct Matrix {
  std::int64_t n, size, stride, width;
  std::vector<float> rows, norms, scales, errors;
  std::vector<std::int8_t> codes;

  Matrix(std::int64_t n, std::int64_t size, std::int64_t gap, unsigned seed)
      : n(n),
        size(size),
        stride(size + gap),
        width((size + kCodeWidth - 1) / kCodeWidth * kCodeWidth),
        rows(n > 0 ? (n - 1) * stride + size : 0),  // nothing follows the last row
        norms(n),
        scales(n),
        errors(n),
        codes(n * width) {
    std::mt19937 random(seed);
    std::normal_distribution<float> value;
    for (auto& v : rows) v = value(random);
  }

  double exact_dot(std::int64_t row, const float* query) const {
    double total = 0;
    for (std::int64_t d = 0; d < size; ++d) total += static_cast<double>(rows[row * stride + d]) * query[d];
    return total;
  }

  void prepare(const Kernels& k) {
    k.row_norms({rows.data(), stride, size, norms.data()}, 0, n);
    k.quantise_rows({rows.data(), stride, size, norms.data(), codes.data(), width, scales.data(), errors.data()}, 0, n);
  }

  Searched searched() const {
    return {rows.data(), stride, size, norms.data(), codes.data(), width, scales.data(), errors.data(), 0, n};
  }
};

void test_dots_and_norms(const Kernels& k) {
  for (const std::int64_t size : {1, 3, 4, 7, 15, 16, 17, 31, 33, 63, 64, 100, 300}) {
    Matrix m(9, size, size % 3, static_cast<unsigned>(size));
    std::vector<float> query(m.rows.begin(), m.rows.begin() + size), out(9, -1.0f);
    k.row_dots({m.rows.data(), m.stride, size, query.data(), nullptr, out.data()}, 1, 9);
    CHECK(out[0] == -1);
    for (std::int64_t i = 1; i < 9; ++i) CHECK_NEAR(out[i], m.exact_dot(i, query.data()), 1e-4);
    const std::vector<std::int64_t> indices{8, 0, 8};
    k.row_dots({m.rows.data(), m.stride, size, query.data(), indices.data(), out.data()}, 0, 3);
    for (std::int64_t i = 0; i < 3; ++i) CHECK_NEAR(out[i], m.exact_dot(indices[i], query.data()), 1e-4);
    for (const float scale : {1.0f, 1e-20f, 1e18f, 0.0f}) {
      for (auto& v : m.rows) v *= scale;
      k.row_norms({m.rows.data(), m.stride, size, m.norms.data()}, 0, 9);
      for (std::int64_t i = 0; i < 9; ++i) {
        const double exact = std::sqrt(m.exact_dot(i, &m.rows[i * m.stride]));
        CHECK_NEAR(m.norms[i], exact, 1e-5 * exact);
      }
    }
  }
}

void test_codes(const Kernels& k) {
  for (const std::int64_t size : {1, 5, 31, 32, 33, 100}) {
    Matrix m(70, size, 1, static_cast<unsigned>(size));
    for (std::int64_t d = 0; d < size; ++d) m.rows[3 * m.stride + d] = 0;
    m.rows[5 * m.stride] = NAN;
    m.prepare(k);
    for (std::int64_t i = 0; i < m.n; ++i) {
      if (i == 5) {
        CHECK(std::isnan(m.scales[i]));
        continue;
      }
      double left = 0;
      for (std::int64_t d = 0; d < size; ++d) {
        const double value = i == 3 ? 0 : static_cast<double>(m.rows[i * m.stride + d]) / m.norms[i];
        const double residual = value - static_cast<double>(m.scales[i]) * m.codes[i * m.width + d];
        left += residual * residual;
      }
      CHECK(std::sqrt(left) <= m.errors[i] && (i == 3 || m.errors[i] < 0.1));
      for (std::int64_t d = size; d < m.width; ++d) CHECK(m.codes[i * m.width + d] == 0);
    }
    // The screen, with its bars at levels that about half of the rows reach.
    for (const std::int64_t count : {1, 2, 3, 4, 5, 9}) {
      std::mt19937 random(3);
      std::vector<std::int16_t> queries(count * m.width);
      for (std::int64_t q = 0; q < count; ++q) {
        for (std::int64_t d = 0; d < size; ++d)
          queries[q * m.width + d] = static_cast<std::int16_t>(random() % 2001) - 1000;
      }
      const std::vector<float> units(count, 0.001f), weights(count, 1.5f), bars(count, 0.01f);
      std::vector<std::int64_t> passed(count * kScreenRows), passes(count, -1);
      const Screen screen{m.codes.data(), m.width,        m.scales.data(), m.errors.data(), queries.data(), count,
                          units.data(),   weights.data(), bars.data(),     passed.data(),   passes.data()};
      for (const auto& [begin, end] : {std::pair{0, 64}, std::pair{64, 70}, std::pair{3, 4}, std::pair{1, 20}}) {
        k.screen(screen, begin, end);
        for (std::int64_t q = 0; q < count; ++q) {
          std::int64_t seen = 0;
          for (std::int64_t i = begin; i < end; ++i) {
            std::int64_t dot = 0;
            for (std::int64_t d = 0; d < size; ++d) dot += m.codes[i * m.width + d] * queries[q * m.width + d];
            const double limit = 0.001 * m.scales[i] * static_cast<double>(dot) + 1.5 * m.errors[i];
            const bool passes_now = seen < passes[q] && passed[q * kScreenRows + seen] == i;
            if (std::abs(limit - 0.01) > 1e-5) CHECK(passes_now == (limit >= 0.01));
            seen += passes_now;
          }
          CHECK(seen == passes[q]);
        }
      }
    }
  }
}

struct Found {
  std::vector<std::int64_t> indices;
  std::vector<float> scores;
};

Found find(const Matrix& m, const std::vector<float>& queries, std::int64_t topn, int threads) {
  const auto count = static_cast<std::int64_t>(queries.size()) / m.size;
  std::vector<std::int64_t> excluded, offsets{0};
  for (std::int64_t q = 0; q < count; ++q) {
    if (q % 2) excluded.push_back(q % m.n);
    offsets.push_back(static_cast<std::int64_t>(excluded.size()));
  }
  Found found{std::vector<std::int64_t>(count * topn), std::vector<float>(count * topn)};
  find_neighbours(
      m.searched(),
      {queries.data(), count, excluded.data(), offsets.data(), topn, found.indices.data(), found.scores.data()},
      threads);
  return found;
}

void test_search() {
  for (const std::int64_t n : {1, 5, 3000}) {
    Matrix m(n, 20, 4, static_cast<unsigned>(n));
    m.prepare(kernels());
    const Matrix queries(70, 20, 0, 99);
    for (const std::int64_t topn : {1, 10}) {
      const Found one = find(m, queries.rows, topn, 1);
      for (std::int64_t q = 0; q < queries.n; ++q) {
        const float* query = &queries.rows[q * 20];
        std::vector<double> exact;
        for (std::int64_t i = 0; i < n; ++i) {
          if (q % 2 == 0 || i != q % n) exact.push_back(m.exact_dot(i, query) / m.norms[i]);
        }
        std::sort(exact.rbegin(), exact.rend());
        for (std::int64_t t = 0; t < topn; ++t) {
          const std::int64_t index = one.indices[q * topn + t];
          CHECK((index >= 0) == (t < static_cast<std::int64_t>(exact.size())));
          if (index < 0) continue;
          CHECK_NEAR(one.scores[q * topn + t], exact[t], 1e-4);
          CHECK_NEAR(m.exact_dot(index, query) / m.norms[index], exact[t], 1e-4);
        }
      }
      // Bit for bit the same on any number of threads, and from several callers at once.
      std::vector<std::thread> callers;
      for (int threads = 1; threads <= 4; ++threads) {
        callers.emplace_back([&, threads] {
          const Found found = find(m, queries.rows, topn, threads);
          CHECK(found.indices == one.indices);
          for (std::size_t i = 0; i < found.scores.size(); ++i) {
            CHECK(found.scores[i] == one.scores[i] || (std::isnan(found.scores[i]) && std::isnan(one.scores[i])));
          }
        });
      }
      for (auto& caller : callers) caller.join();
    }
  }
}

}  // namespace

int main() {
  for (const Kernels& k : levels()) {
    test_dots_and_norms(k);
    test_codes(k);
  }
  test_search();
  return 0;
}
