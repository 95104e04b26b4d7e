#include "core/recurrent.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <vector>

#include "core/arena.h"
#include "core/denormals.h"
#include "core/parallel.h"

namespace lexigrad {
namespace {

constexpr std::int64_t kFewRows = 4;  // batch rows up to which members of a team share units instead
constexpr std::int64_t kCacheFloats = std::int64_t{1} << 18;  // of recurrent weights; with more, units are shared too
constexpr std::int64_t kFewSteps = 12;     // steps up to which so few rows use the recurrent weights as they stand
constexpr std::int64_t kFewProducts = 48;  // rows up to which the other products do
constexpr std::int64_t kChunkRows = 96;    // rows of W x that are computed before the steps that use them
constexpr std::int64_t kFewCombined = 8;   // of them, those with the transposed weights
constexpr std::int64_t kSumColumns = 128;  // columns of a task that sums
constexpr std::int64_t kChunkBlocks = 8;   // panels of a task that finds the gradient of x
constexpr std::int64_t kSweepBlocks = 4;   // panels that a sweep over the recurrent weights takes at once
constexpr std::int64_t kStateGap = 16;     // floats between state rows: rows 4 KB apart would share cache sets
constexpr double kThreadTime = 30'000;     // nanoseconds of work that are worth a thread

// Where the parts of a cell are. Slot s of the saved gates belongs to rows [order[s] H, (order[s] + 1) H) of W_ih;
// the slots from first_hidden on are those of W_hh in its own order.
struct Plan {
  int gates, slots, first_hidden;
  int order[kMostSlots];
};

Plan plan_of(Cell cell) {
  switch (cell) {
    case Cell::kLstm:
      return {4, 4, 0, {0, 1, 2, 3}};
    case Cell::kGru:
      return {3, 4, 1, {2, 0, 1, 0}};
    default:
      return {1, 1, 0, {0, 0, 0, 0}};
  }
}

std::int64_t blocks_of(std::int64_t size, std::int64_t width) { return (size + width - 1) / width; }

struct Range {
  std::int64_t begin, end;
};
Range part(std::int64_t size, std::int64_t parts, std::int64_t which) {
  return {size * which / parts, size * (which + 1) / parts};
}

// A part of the work: the team is shared out between the directions, and the `count` members of a direction share
// its batch rows, or its units where there are few rows; then they meet after each step.
struct Share {
  int direction, index, count;
};

// The batch rows of a share, the longest sequences first: those that are active at a step are the first ones.
struct Batch {
  std::vector<std::int32_t> rows;
  std::int64_t active = 0;
};

// What forward and backward share.
class Pass {
 protected:
  Pass(const Kernels& kernels, const RecurrentLayer& layer, const RecurrentResult& result)
      : k(kernels),
        a(layer),
        out(result),
        plan(plan_of(layer.cell)),
        width(k.panel_width),
        blocks(blocks_of(a.H, width)),
        saved_row(plan.slots * a.H),
        state_stride((a.H + width - 1) / width * width + kStateGap),
        by_units(a.B <= kFewRows || plan.gates * a.H * a.H > kCacheFloats),
        pack_hidden(a.B > kFewRows || a.T > kFewSteps),
        zeros(space.get<float>(state_stride)) {
    std::fill_n(zeros, state_stride, 0.0f);
    order.resize(static_cast<std::size_t>(a.B));
    std::iota(order.begin(), order.end(), 0);
    if (a.lengths) {
      std::stable_sort(order.begin(), order.end(), [&](auto x, auto y) { return a.lengths[x] > a.lengths[y]; });
    }
  }

  int useful_threads(int threads, double passes) const {
    const double products = static_cast<double>(a.T) * a.directions * plan.gates * a.H * (a.I + a.H);
    const double work = passes * products * std::max(0.025 * static_cast<double>(a.B), 0.067);  // nanoseconds
    return static_cast<int>(std::min<double>(std::max(threads, 1), 1 + work / kThreadTime));
  }

  // The shares of a member: both directions where it is alone.
  std::vector<Share> shares_of(const Member& m) const {
    if (a.directions == 1) return {{0, m.index, m.count}};
    if (m.count == 1) return {{0, 0, 1}, {1, 0, 1}};
    const int direction = m.index % 2;
    return {{direction, m.index / 2, (m.count + 1 - direction) / 2}};
  }
  // Do members share the units of a direction? Then all of them go from step to step together.
  bool lockstep(const Member& m) const { return by_units && m.count > a.directions; }

  Batch batch(const Share& m) const {
    Batch result;
    const std::int64_t step = by_units ? 1 : m.count;
    for (std::int64_t i = by_units ? 0 : m.index; i < a.B; i += step) {
      result.rows.push_back(order[static_cast<std::size_t>(i)]);
    }
    return result;
  }

  // The blocks of units of a share.
  Range blocks_of_share(const Share& m) const { return by_units ? part(blocks, m.count, m.index) : Range{0, blocks}; }

  std::int64_t length(std::int64_t b) const { return a.lengths ? a.lengths[b] : a.T; }
  std::int64_t time_of(int direction, std::int64_t step) const { return direction ? a.T - 1 - step : step; }

  // Sets batch.active to the rows that have step t.
  void activate(Batch& batch, std::int64_t t) const {
    const auto size = static_cast<std::int64_t>(batch.rows.size());
    if (!a.lengths) {
      batch.active = size;
      return;
    }
    const auto has_step = [&](std::int64_t i) { return length(batch.rows[static_cast<std::size_t>(i)]) > t; };
    while (batch.active < size && has_step(batch.active)) ++batch.active;
    while (batch.active > 0 && !has_step(batch.active - 1)) --batch.active;
  }

  const float* x_row(std::int64_t t, std::int64_t b) const { return a.x + t * a.x_strides.time + b * a.x_strides.row; }
  float* gates_row(int direction, std::int64_t t, std::int64_t b) const {
    return out.gates + ((direction * a.T + t) * a.B + b) * saved_row;
  }
  float* cells_step(int direction, std::int64_t t) const { return out.cells + (direction * a.T + t) * a.B * a.H; }
  const float* initial(const float* state, int direction, std::int64_t b) const {
    return state ? state + (direction * a.B + b) * a.H : zeros;
  }
  // Does step t begin the sequence of row b?
  bool is_first(int direction, std::int64_t t, std::int64_t b) const { return t == (direction ? length(b) - 1 : 0); }
  const float* h_before(int direction, std::int64_t t, std::int64_t b) const {
    if (is_first(direction, t, b)) return initial(a.h0, direction, b);
    const std::int64_t before = direction ? t + 1 : t - 1;
    return out.y + before * out.y_strides.time + b * out.y_strides.row + direction * a.H;
  }
  const float* c_before(int direction, std::int64_t t, std::int64_t b) const {
    if (is_first(direction, t, b)) return initial(a.c0, direction, b);
    return cells_step(direction, direction ? t + 1 : t - 1) + b * a.H;
  }

  // Pointers to the rows of new work space.
  static float** new_rows(Workspace& space, std::int64_t count, std::int64_t floats) {
    float* data = space.get<float>(count * floats);
    float** rows = space.get<float*>(count);
    for (std::int64_t i = 0; i < count; ++i) rows[i] = data + i * floats;
    return rows;
  }
  // State rows of a batch, set to those of `state`, (directions, B, H), or to zero.
  float** initial_rows(Workspace& own, const Batch& batch, const float* state, int direction) const {
    const auto size = static_cast<std::int64_t>(batch.rows.size());
    float** rows = new_rows(own, size, state_stride);
    for (std::int64_t i = 0; i < size; ++i) {
      const float* from = initial(state, direction, batch.rows[static_cast<std::size_t>(i)]);
      std::copy_n(from, a.H, rows[i]);
    }
    return rows;
  }

  void copy_units(float* to, const float* from, Range share_blocks) const {
    const std::int64_t begin = share_blocks.begin * width, end = std::min(a.H, share_blocks.end * width);
    if (begin < end) std::memcpy(to + begin, from + begin, static_cast<std::size_t>(end - begin) * sizeof(float));
  }

  const Kernels& k;
  const RecurrentLayer& a;
  const RecurrentResult& out;
  const Plan plan;
  const std::int64_t width, blocks, saved_row, state_stride;
  const bool by_units, pack_hidden;
  Workspace space;
  float* zeros;
  std::vector<std::int32_t> order;
};

// Calls body(begin, end) for all blocks, upwards and downwards in turn: what of the recurrent weights is still in the
// cache after a step is used first in the next one.
template <typename Body>
void sweep(Range blocks, std::int64_t step, const Body& body) {
  const std::int64_t parts = blocks_of(blocks.end - blocks.begin, kSweepBlocks);
  for (std::int64_t i = 0; i < parts; ++i) {
    const std::int64_t begin = blocks.begin + kSweepBlocks * (step % 2 ? parts - 1 - i : i);
    body(begin, std::min(blocks.end, begin + kSweepBlocks));
  }
}

// Runs the body of a team whose members first make what they need, which may fail: then none goes on.
template <typename Prepare, typename Work>
void run_team(int threads, const Prepare& prepare, const Work& work) {
  std::atomic<bool> failed{false};
  parallel_team(threads, [&](const Member& m) {
    const FlushDenormals flush;
    decltype(prepare(m)) own;
    try {
      own = prepare(m);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    m.barrier.wait();
    if (!failed) work(m, own);
  });
  if (failed) throw std::bad_alloc();
}

// Splits [0, tasks) between the members in equal parts.
Range part_of(const Member& m, std::int64_t tasks) { return part(tasks, m.count, m.index); }

class ForwardPass : Pass {
 public:
  ForwardPass(const Kernels& kernels, const RecurrentLayer& layer, const RecurrentResult& result)
      : Pass(kernels, layer, result) {}

  void run(int threads) {
    const int wanted = useful_threads(threads, 1);
    const bool pack_x = a.T * a.B > kFewProducts;
    for (int d = 0; d < a.directions; ++d) {
      bias_[d] = space.get<float>(blocks * plan.slots * width);
      if (pack_x) x_panels_[d] = space.get<float>(blocks * plan.gates * width * a.I);
      if (pack_hidden) h_panels_[d] = space.get<float>(blocks * plan.gates * width * a.H);
    }
    if (by_units) {  // each unit needs all of h
      for (int d = 0; d < a.directions; ++d) {
        for (float**& h : shared_h_[d]) h = initial_rows(space, batch({d, 0, 1}), a.h0, d);
      }
    }
    const std::int64_t sharing = by_units ? 1 : std::max(1, wanted / a.directions);
    chunk_ = std::clamp<std::int64_t>(kChunkRows / blocks_of(a.B, sharing), 1, a.T);
    if (!out.gates) chunk_gates_ = space.get<float>(a.directions * chunk_ * a.B * saved_row);
    run_team(
        wanted,
        [&](const Member& m) {
          pack(m);
          std::vector<Work> works;
          for (const Share& share : shares_of(m)) works.push_back(prepare(share));
          return works;
        },
        [&](const Member& m, std::vector<Work>& works) {
          for (Work& w : works) through_time(w, lockstep(m) ? &m.barrier : nullptr);
        });
  }

 private:
  // What a share needs while it runs.
  struct Work {
    Share share;
    Batch batch;
    std::unique_ptr<Workspace> space;
    float** h[2];  // state rows before and after a step, in turn
    float** c;
    float** product;
    const float** x;  // the rows of a chunk of steps
    float** gates;
  };

  void pack(const Member& m) {
    for (int d = 0; d < a.directions; ++d) {
      const Range range = part_of(m, blocks);
      pack_bias(d, range);
      if (x_panels_[d]) {
        PackRows p{a.weights[d].w_ih, a.I, a.H, plan.gates, {}, x_panels_[d]};
        std::copy_n(plan.order, kMostSlots, p.order);
        k.pack_rows(p, range.begin, range.end);
      }
      if (h_panels_[d]) {
        k.pack_rows({a.weights[d].w_hh, a.H, a.H, plan.gates, {0, 1, 2, 3}, h_panels_[d]}, range.begin, range.end);
      }
    }
  }

  // b_ih + b_hh; but the GRU multiplies W_hn h + b_hn by r, and adds b_hn itself.
  void pack_bias(int d, Range range) {
    const RecurrentParameters<const float>& w = a.weights[d];
    for (std::int64_t block = range.begin; block < range.end; ++block) {
      for (int slot = 0; slot < plan.gates; ++slot) {
        float* bias = bias_[d] + (block * plan.gates + slot) * width;
        const bool hidden_too = a.cell != Cell::kGru || slot > 0;
        for (std::int64_t j = 0; j < width; ++j) {
          const std::int64_t u = block * width + j, row = plan.order[slot] * a.H + u;
          bias[j] = u < a.H && w.b_ih ? w.b_ih[row] + (hidden_too ? w.b_hh[row] : 0) : 0;
        }
      }
    }
  }

  Work prepare(const Share& share) {
    Work w{share, batch(share), std::make_unique<Workspace>(), {}, nullptr, nullptr, nullptr, nullptr};
    const auto size = static_cast<std::int64_t>(w.batch.rows.size());
    for (int i = 0; i < 2; ++i) {
      w.h[i] = by_units ? shared_h_[share.direction][i] : initial_rows(*w.space, w.batch, a.h0, share.direction);
    }
    if (a.cell == Cell::kLstm) w.c = initial_rows(*w.space, w.batch, a.c0, share.direction);
    w.product = new_rows(*w.space, size, kMostSlots * width);
    w.x = w.space->get<const float*>(chunk_ * size);
    w.gates = w.space->get<float*>(chunk_ * size);
    return w;
  }

  float* gates_at(const Share& share, std::int64_t s, std::int64_t t, std::int64_t b) const {
    if (out.gates) return gates_row(share.direction, t, b);
    return chunk_gates_ + ((share.direction * chunk_ + s % chunk_) * a.B + b) * saved_row;
  }

  void through_time(Work& w, SpinBarrier* barrier) {
    for (std::int64_t begin = 0; begin < a.T; begin += chunk_) {
      const std::int64_t end = std::min(a.T, begin + chunk_);
      project(w, begin, end);
      for (std::int64_t s = begin; s < end; ++s) {
        step(w, s);
        if (barrier) barrier->wait();
      }
    }
    finish(w);
  }

  // W x + b for some steps.
  void project(Work& w, std::int64_t begin, std::int64_t end) {
    const int d = w.share.direction;
    std::int64_t count = 0;
    for (std::int64_t s = begin; s < end; ++s) {
      const std::int64_t t = time_of(d, s);
      activate(w.batch, t);
      for (std::int64_t i = 0; i < w.batch.active; ++i, ++count) {
        const std::int64_t b = w.batch.rows[static_cast<std::size_t>(i)];
        w.x[count] = x_row(t, b);
        w.gates[count] = gates_at(w.share, s, t, b);
      }
    }
    Project p{w.x, w.gates, a.weights[d].w_ih, x_panels_[d], a.I, a.H, plan.gates, {}, bias_[d]};
    std::copy_n(plan.order, kMostSlots, p.order);
    const Range range = blocks_of_share(w.share);
    k.project(p, count, range.begin, range.end);
  }

  void step(Work& w, std::int64_t s) {
    const int d = w.share.direction;
    const std::int64_t t = time_of(d, s);
    activate(w.batch, t);
    const bool gru_bias = a.cell == Cell::kGru && a.weights[d].b_hh;
    const RecurrentForward f{a.H,
                             a.weights[d].w_hh,
                             h_panels_[d],
                             gru_bias ? a.weights[d].b_hh + 2 * a.H : nullptr,
                             w.batch.rows.data(),
                             w.h[s % 2],
                             w.h[(s + 1) % 2],
                             w.c,
                             gates_at(w.share, s, t, 0),
                             saved_row,
                             out.cells ? cells_step(d, t) : nullptr,
                             out.y + t * out.y_strides.time + d * a.H,
                             out.y_strides.row,
                             w.product,
                             out.gates != nullptr,
                             a.cell == Cell::kRelu};
    const auto forward = a.cell == Cell::kLstm ? k.lstm_forward : a.cell == Cell::kGru ? k.gru_forward : k.rnn_forward;
    sweep(blocks_of_share(w.share), s, [&](auto begin, auto end) { forward(f, w.batch.active, begin, end); });
  }

  // Writes the last states, and zeros where there was no step.
  void finish(Work& w) {
    const int d = w.share.direction;
    const Range range = blocks_of_share(w.share);
    for (std::size_t i = 0; i < w.batch.rows.size(); ++i) {
      const std::int64_t b = w.batch.rows[i], size = length(b), last = d ? a.T : size;
      copy_units(out.h + (d * a.B + b) * a.H, w.h[last % 2][i], range);
      if (w.c) copy_units(out.c + (d * a.B + b) * a.H, w.c[i], range);
      for (std::int64_t t = size; t < a.T; ++t) {
        copy_units(out.y + t * out.y_strides.time + b * out.y_strides.row + d * a.H, zeros, range);
      }
    }
  }

  float *bias_[2] = {}, *x_panels_[2] = {}, *h_panels_[2] = {};
  float** shared_h_[2][2] = {};
  float* chunk_gates_ = nullptr;
  std::int64_t chunk_ = 1;
};

class BackwardPass : Pass {
 public:
  BackwardPass(const Kernels& kernels, const RecurrentLayer& layer, const RecurrentResult& saved,
               const RecurrentGradients& gradients)
      : Pass(kernels, layer, saved), g(gradients) {}

  void run(int threads) {
    list_steps();
    for (int d = 0; d < a.directions; ++d) make_room(d);
    run_team(
        useful_threads(threads, 2),
        [&](const Member& m) {
          pack(m);
          std::vector<Work> works;
          for (const Share& share : shares_of(m)) works.push_back(prepare(share));
          Own own{std::move(works), std::make_unique<Workspace>(), nullptr};
          own.outer = own.space->template get<float>(kOuterRows * kOuterDepth);
          return own;
        },
        [&](const Member& m, Own& own) {
          for (Work& w : own.works) through_time(w, lockstep(m) ? &m.barrier : nullptr);
          m.barrier.wait();
          for (std::size_t task; (task = next_task_.fetch_add(1)) < tasks_.size();) do_task(tasks_[task], own.outer);
        });
  }

 private:
  // What a share needs in the loop over time.
  struct Work {
    Share share;
    Batch batch;
    std::unique_ptr<Workspace> space;
    float **dh, **dc;
    const float** following;  // gradients of the gates of the step after this one
    const float** before;
  };
  struct Own {
    std::vector<Work> works;
    std::unique_ptr<Workspace> space;
    float* outer;
  };

  // A product after the loop: which, for which direction, and for which rows and blocks of columns of its result.
  enum class Product { kX, kInput, kHidden, kInputBias, kHiddenBias };
  struct Task {
    Product product;
    int direction;
    Range rows, blocks;
  };

  // The operands of a direction's products, all steps of all sequences one after the other.
  struct Operands {
    const float **gates, **hidden_gates, **x, **h;  // rows (steps)
    float *x_panels, *h_panels;                     // of x and h, for the gradients of the weights
    const float **w_ih, **w_hh;                     // rows of the weights: W_ih in the order of the slots
    float *w_ih_panels, *w_hh_panels;
    float **dw_ih, **dw_hh;
  };

  void list_steps() {
    for (std::int64_t t = 0; t < a.T; ++t) {
      for (std::int64_t b = 0; b < a.B; ++b) {
        if (t < length(b)) {
          steps_.push_back({t, b});
        } else if (g.x) {
          std::fill_n(g.x + t * a.x_strides.time + b * a.x_strides.row, a.I, 0.0f);
        }
      }
    }
  }

  void make_room(int d) {
    const auto count = static_cast<std::int64_t>(steps_.size());
    const std::int64_t rows = plan.gates * a.H;
    const RecurrentParameters<float>& dw = g.weights[d];
    Operands& o = operands_[d];
    o = {};
    for (const float*** list : {&o.gates, &o.hidden_gates, &o.x, &o.h}) *list = space.get<const float*>(count);
    for (const float*** list : {&o.w_ih, &o.w_hh}) *list = space.get<const float*>(rows);
    for (float*** list : {&o.dw_ih, &o.dw_hh}) *list = space.get<float*>(rows);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto [t, b] = steps_[static_cast<std::size_t>(i)];
      o.gates[i] = gates_row(d, t, b);
      o.hidden_gates[i] = o.gates[i] + plan.first_hidden * a.H;
      o.x[i] = x_row(t, b);
      o.h[i] = h_before(d, t, b);
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t row = plan.order[i / a.H] * a.H + i % a.H;
      o.w_ih[i] = a.weights[d].w_ih + row * a.I;
      o.w_hh[i] = a.weights[d].w_hh + i * a.H;
      if (dw.w_ih) o.dw_ih[i] = dw.w_ih + row * a.I;
      if (dw.w_hh) o.dw_hh[i] = dw.w_hh + i * a.H;
    }
    const std::int64_t x_blocks = blocks_of(a.I, width);
    if (count > kFewOuter && dw.w_ih) o.x_panels = space.get<float>(x_blocks * width * count);
    if (count > kFewOuter && dw.w_hh) o.h_panels = space.get<float>(blocks * width * count);
    if (count > kFewCombined && g.x) o.w_ih_panels = space.get<float>(x_blocks * width * rows);
    if (pack_hidden) o.w_hh_panels = space.get<float>(blocks * width * rows);
    list_tasks(d, count, rows, x_blocks);
  }

  void list_tasks(int d, std::int64_t count, std::int64_t rows, std::int64_t x_blocks) {
    const RecurrentParameters<float>& dw = g.weights[d];
    for (std::int64_t row = 0; row < rows; row += kOuterRows) {
      const Range range{row, std::min(rows, row + kOuterRows)};
      if (dw.w_ih) tasks_.push_back({Product::kInput, d, range, {}});
      if (dw.w_hh) tasks_.push_back({Product::kHidden, d, range, {}});
    }
    for (std::int64_t row = 0; row < rows; row += kSumColumns) {
      const Range range{row, std::min(rows, row + kSumColumns)};
      if (dw.b_ih) tasks_.push_back({Product::kInputBias, d, range, {}});
      if (dw.b_hh) tasks_.push_back({Product::kHiddenBias, d, range, {}});
    }
    if (!g.x || d > 0) return;  // a task adds the gradients of x from both directions
    for (std::int64_t row = 0; row < count; row += kChunkRows) {
      for (std::int64_t block = 0; block < x_blocks; block += kChunkBlocks) {
        tasks_.push_back({Product::kX,
                          0,
                          {row, std::min(count, row + kChunkRows)},
                          {block, std::min(x_blocks, block + kChunkBlocks)}});
      }
    }
  }

  void pack(const Member& m) {
    const auto count = static_cast<std::int64_t>(steps_.size());
    const auto columns = [&](const float* const* rows, std::int64_t depth, std::int64_t size, float* panels) {
      const Range range = part_of(m, blocks_of(size, width));
      if (panels) k.pack_columns({rows, depth, size, panels}, range.begin, range.end);
    };
    for (int d = 0; d < a.directions; ++d) {
      const Operands& o = operands_[d];
      columns(o.x, count, a.I, o.x_panels);
      columns(o.h, count, a.H, o.h_panels);
      columns(o.w_ih, plan.gates * a.H, a.I, o.w_ih_panels);
      columns(o.w_hh, plan.gates * a.H, a.H, o.w_hh_panels);
    }
  }

  Work prepare(const Share& share) {
    Work w{share, batch(share), std::make_unique<Workspace>(), nullptr, nullptr, nullptr, nullptr};
    const auto size = static_cast<std::int64_t>(w.batch.rows.size());
    w.dh = initial_rows(*w.space, w.batch, g.h, share.direction);
    w.dc = initial_rows(*w.space, w.batch, g.c, share.direction);
    w.following = w.space->get<const float*>(size);
    w.before = w.space->get<const float*>(size);
    return w;
  }

  // dh += (gradients of the gates at w.following) W_hh, for the first `count` rows.
  void combine(Work& w, std::int64_t count, std::int64_t step) {
    const Operands& o = operands_[w.share.direction];
    const Combine c{w.following, w.dh, o.w_hh, o.w_hh_panels, plan.gates * a.H, a.H, true};
    sweep(blocks_of_share(w.share), step, [&](auto begin, auto end) { k.combine(c, count, begin, end); });
  }

  void through_time(Work& w, SpinBarrier* barrier) {
    std::int64_t before = 0;  // rows that were active at the step after
    for (std::int64_t s = a.T - 1; s >= 0; --s) {
      const std::int64_t t = time_of(w.share.direction, s);
      activate(w.batch, t);
      combine(w, std::min(before, w.batch.active), s);
      step(w, t);
      before = w.batch.active;
      if (barrier) barrier->wait();
    }
    finish(w);
  }

  void step(Work& w, std::int64_t t) {
    const int d = w.share.direction;
    for (std::int64_t i = 0; i < w.batch.active; ++i) {
      const std::int64_t b = w.batch.rows[static_cast<std::size_t>(i)];
      w.following[i] = gates_row(d, t, b) + plan.first_hidden * a.H;
      w.before[i] = a.cell == Cell::kLstm ? c_before(d, t, b) : h_before(d, t, b);
    }
    const RecurrentBackward r{a.H,
                              w.batch.rows.data(),
                              w.dh,
                              w.dc,
                              gates_row(d, t, 0),
                              saved_row,
                              out.cells ? cells_step(d, t) : nullptr,
                              w.before,
                              g.y ? g.y + t * out.y_strides.time + d * a.H : nullptr,
                              out.y_strides.row,
                              a.cell == Cell::kRelu};
    const Range range = blocks_of_share(w.share);
    (a.cell == Cell::kLstm  ? k.lstm_backward
     : a.cell == Cell::kGru ? k.gru_backward
                            : k.rnn_backward)(r, w.batch.active, range.begin * width, std::min(a.H, range.end * width));
  }

  // The gradients of the initial states: of each sequence that has a step, through its first one.
  void finish(Work& w) {
    if (!g.h0 && !g.c0) return;
    const int d = w.share.direction;
    activate(w.batch, 0);
    for (std::int64_t i = 0; i < w.batch.active; ++i) {
      const std::int64_t b = w.batch.rows[static_cast<std::size_t>(i)];
      w.following[i] = gates_row(d, d ? length(b) - 1 : 0, b) + plan.first_hidden * a.H;
    }
    if (g.h0) combine(w, w.batch.active, -1);
    const Range range = blocks_of_share(w.share);
    for (std::size_t i = 0; i < w.batch.rows.size(); ++i) {
      const std::int64_t row = (d * a.B + w.batch.rows[i]) * a.H;
      if (g.h0) copy_units(g.h0 + row, w.dh[i], range);
      if (g.c0) copy_units(g.c0 + row, w.dc[i], range);
    }
  }

  void do_task(const Task& task, float* work) const {
    const auto count = static_cast<std::int64_t>(steps_.size());
    const Operands& o = operands_[task.direction];
    const RecurrentParameters<float>& dw = g.weights[task.direction];
    const auto [begin, end] = task.rows;
    switch (task.product) {
      case Product::kX:
        gradient_of_x(task);
        break;
      case Product::kInput:
        k.outer({o.gates, o.dw_ih, o.x, o.x_panels, count, a.I, work}, begin, end);
        break;
      case Product::kHidden:
        k.outer({o.hidden_gates, o.dw_hh, o.h, o.h_panels, count, a.H, work}, begin, end);
        break;
      case Product::kInputBias:
        bias_gradient(o.gates, dw.b_ih, task.rows, plan.order);
        break;
      case Product::kHiddenBias:
        bias_gradient(o.hidden_gates, dw.b_hh, task.rows, nullptr);
        break;
    }
  }

  void gradient_of_x(const Task& task) const {
    const auto [begin, end] = task.rows;
    float* rows[kChunkRows];
    for (std::int64_t i = begin; i < end; ++i) {
      const auto [t, b] = steps_[static_cast<std::size_t>(i)];
      rows[i - begin] = g.x + t * a.x_strides.time + b * a.x_strides.row;
    }
    for (int d = 0; d < a.directions; ++d) {
      const Operands& o = operands_[d];
      k.combine({o.gates + begin, rows, o.w_ih, o.w_ih_panels, plan.gates * a.H, a.I, d > 0}, end - begin,
                task.blocks.begin, task.blocks.end);
    }
  }

  // Columns [begin, end) in the order of the slots, which belong to order[slot] of the bias.
  void bias_gradient(const float* const* gates, float* bias, Range columns, const int* order) const {
    const auto count = static_cast<std::int64_t>(steps_.size());
    float sums[kSumColumns];
    k.column_sums({gates, count, sums}, columns.begin, columns.end);
    for (std::int64_t i = columns.begin; i < columns.end; ++i) {
      bias[order ? order[i / a.H] * a.H + i % a.H : i] = sums[i - columns.begin];
    }
  }

  struct Step {
    std::int64_t t, b;
  };

  const RecurrentGradients& g;
  std::vector<Step> steps_;
  Operands operands_[2] = {};
  std::vector<Task> tasks_;
  std::atomic<std::size_t> next_task_{0};
};

}  // namespace

int gates_of(Cell cell) { return plan_of(cell).gates; }
int slots_of(Cell cell) { return plan_of(cell).slots; }

void recurrent_forward(const Kernels& kernels, const RecurrentLayer& layer, const RecurrentResult& result,
                       int threads) {
  ForwardPass(kernels, layer, result).run(threads);
}

void recurrent_backward(const Kernels& kernels, const RecurrentLayer& layer, const RecurrentResult& saved,
                        const RecurrentGradients& gradients, int threads) {
  BackwardPass(kernels, layer, saved, gradients).run(threads);
}

}  // namespace lexigrad
