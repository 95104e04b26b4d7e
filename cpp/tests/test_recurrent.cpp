// The products of recurrent layers on every instruction set against plain loops, and the arena.
#include <numeric>
#include <thread>

#include "core/arena.h"
#include "core/denormals.h"
#include "layers.h"

namespace {

using namespace lexigrad;

struct Matrix {
  std::int64_t count, size;
  std::vector<float> values;
  std::vector<float*> rows{};

  Matrix(std::int64_t rows_, std::int64_t columns, unsigned seed)
      : count(rows_), size(columns), values(static_cast<std::size_t>(rows_ * columns)) {
    std::mt19937 random(seed);
    std::normal_distribution<float> value;
    for (float& v : values) v = seed ? value(random) : 0.0f;
    for (std::int64_t i = 0; i < count; ++i) rows.push_back(values.data() + i * size);
  }
  Matrix(const Matrix&) = delete;
  double at(std::int64_t i, std::int64_t j) const { return values[static_cast<std::size_t>(i * size + j)]; }
  const float* const* in() const { return rows.data(); }
};

std::int64_t blocks(const Kernels& k, std::int64_t size) { return (size + k.panel_width - 1) / k.panel_width; }

void test_project(const Kernels& k, std::int64_t count, std::int64_t depth, std::int64_t units) {
  constexpr int slots = 3, order[kMostSlots] = {2, 0, 1, 0};
  const Matrix a(count, depth, 1), w(slots * units, depth, 2);
  std::vector<float> panels(static_cast<std::size_t>(blocks(k, units) * slots * depth * k.panel_width), NAN);
  std::vector<float> bias(static_cast<std::size_t>(blocks(k, units) * slots * k.panel_width));
  std::iota(bias.begin(), bias.end(), 0.0f);
  PackRows pack{w.values.data(), depth, units, slots, {2, 0, 1, 0}, panels.data()};
  k.pack_rows(pack, 0, blocks(k, units));
  for (const float* packed : {static_cast<const float*>(nullptr), static_cast<const float*>(panels.data())}) {
    Matrix c(count, slots * units, 3);
    const Project p{a.in(), c.rows.data(), w.values.data(), packed, depth, units, slots, {2, 0, 1, 0}, bias.data()};
    k.project(p, count, 0, blocks(k, units));
    for (std::int64_t m = 0; m < count; ++m) {
      for (int s = 0; s < slots; ++s) {
        for (std::int64_t u = 0; u < units; ++u) {
          double exact =
              bias[static_cast<std::size_t>((u / k.panel_width * slots + s) * k.panel_width + u % k.panel_width)];
          for (std::int64_t d = 0; d < depth; ++d) exact += a.at(m, d) * w.at(order[s] * units + u, d);
          CHECK_NEAR(c.at(m, s * units + u), exact, 1e-3);
        }
      }
    }
  }
}

void test_combine(const Kernels& k, std::int64_t count, std::int64_t depth, std::int64_t columns) {
  const Matrix a(count, depth, 4), b(depth, columns, 5);
  std::vector<float> panels(static_cast<std::size_t>(blocks(k, columns) * depth * k.panel_width), NAN);
  k.pack_columns({b.in(), depth, columns, panels.data()}, 0, blocks(k, columns));
  for (const float* packed : {static_cast<const float*>(nullptr), static_cast<const float*>(panels.data())}) {
    for (const bool add : {false, true}) {
      Matrix c(count, columns, 6);
      const Matrix before(count, columns, 6);
      k.combine({a.in(), c.rows.data(), b.in(), packed, depth, columns, add}, count, 0, blocks(k, columns));
      for (std::int64_t m = 0; m < count; ++m) {
        for (std::int64_t j = 0; j < columns; ++j) {
          double exact = add ? before.at(m, j) : 0;
          for (std::int64_t d = 0; d < depth; ++d) exact += a.at(m, d) * b.at(d, j);
          CHECK_NEAR(c.at(m, j), exact, 1e-3);
        }
      }
    }
  }
}

void test_outer(const Kernels& k, std::int64_t depth, std::int64_t rows, std::int64_t columns) {
  const Matrix a(depth, rows, 7), b(depth, columns, 8);
  Matrix c(rows, columns, 9);
  std::vector<float> work(kOuterRows * kOuterDepth), sums(static_cast<std::size_t>(rows));
  std::vector<float> panels(static_cast<std::size_t>(blocks(k, columns) * depth * k.panel_width), NAN);
  k.pack_columns({b.in(), depth, columns, panels.data()}, 0, blocks(k, columns));
  const Outer outer{a.in(), c.rows.data(), b.in(),     depth > kFewOuter ? panels.data() : nullptr,
                    depth,  columns,       work.data()};
  for (std::int64_t row = 0; row < rows; row += kOuterRows) k.outer(outer, row, std::min(rows, row + kOuterRows));
  k.column_sums({a.in(), depth, sums.data() + 1}, 1, rows);
  for (std::int64_t m = 0; m < rows; ++m) {
    double total = 0;
    for (std::int64_t d = 0; d < depth; ++d) total += a.at(d, m);
    if (m > 0) CHECK_NEAR(sums[static_cast<std::size_t>(m)], total, 1e-3);
    for (std::int64_t j = 0; j < columns; ++j) {
      double exact = 0;
      for (std::int64_t d = 0; d < depth; ++d) exact += a.at(d, m) * b.at(d, j);
      CHECK_NEAR(c.at(m, j), exact, 1e-3);
    }
  }
}

void test_products(const Kernels& k) {
  for (const std::int64_t count : {1, 2, 3, 4, 5, 6, 7, 13, 100}) {
    for (const std::int64_t depth : {1, 7, 33, 300}) {
      for (const std::int64_t units : {1, 16, 37}) {
        test_project(k, count, depth, units);
        test_combine(k, count, depth, units);
      }
    }
  }
  for (const std::int64_t depth : {0, 1, 2, 3, 4, 5, 300}) {
    for (const std::int64_t rows : {1, 6, 7, 100}) {
      for (const std::int64_t columns : {1, 16, 37}) test_outer(k, depth, rows, columns);
    }
  }
}

void test_arena() {
  void* first = arena_acquire(1000);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
  arena_release(first);
  void* second = arena_acquire(1010);
  CHECK(second == first);  // kept, and of a size for both
  arena_release(second);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int round = 0; round < 2000; ++round) {
        Workspace space;
        auto* a = space.get<int>(1 + round % 5000 * (i + 1));
        auto* b = space.get<int>(7);
        *a = i, *b = i;
        CHECK(*a == i && *b == i);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

void test_denormals() {
#if defined(__x86_64__) || defined(__aarch64__)
  volatile float small = 1e-30f;
  {
    const FlushDenormals flush;
    CHECK(small * 1e-10f == 0);
  }
  CHECK(small * 1e-10f != 0);
#endif
}

}  // namespace

int main() {
  for (const Kernels& k : levels()) test_products(k);
  test_arena();
  test_denormals();
  return 0;
}
