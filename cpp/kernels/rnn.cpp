// The simple recurrent network (Elman 1990), with tanh or with rectified linear units.
#include "kernels/kernels.h"
#include "kernels/recurrent.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// NaN stays NaN.
INLINE F rectify(F x) { return select(x < F{}, F{}, x); }

// h' = tanh or relu of W_ih x + b_ih + W_hh h + b_hh.
void rnn_forward(const RecurrentForward& s, std::int64_t count, std::int64_t block_begin, std::int64_t block_end) {
  for (std::int64_t block = block_begin; block < block_end; ++block) {
    hidden_product<1>(s, count, block);
    for_units_of_block(s, count, block, [&](std::int64_t row, std::int64_t u, std::int64_t v, std::size_t n) {
      const std::int64_t b = s.rows[row];
      float* gate = s.step_gates + b * s.gates_stride + u;
      const F a = load_up_to(gate, n) + load(s.product_rows[row] + v);
      const F h = s.relu ? rectify(a) : tanh(a);
      store_up_to(s.h_next[row] + u, h, n);
      store_up_to(s.step_out + b * s.out_stride + u, h, n);
      if (s.save) store_up_to(gate, h, n);
    });
  }
}

// The gradient before the activation: dh (1 - h'^2), or dh where h' > 0. All of it goes through W_hh.
void rnn_backward(const RecurrentBackward& s, std::int64_t count, std::int64_t unit_begin, std::int64_t unit_end) {
  for_units(count, unit_begin, unit_end, [&](std::int64_t row, std::int64_t u, std::size_t n) {
    const std::int64_t b = s.rows[row];
    float* gate = s.step_gates + b * s.gates_stride + u;
    const F h = load_up_to(gate, n);
    F dh = load_up_to(s.dh[row] + u, n);
    if (s.step_dout) dh += load_up_to(s.step_dout + b * s.out_stride + u, n);
    store_up_to(gate, s.relu ? select(h > F{}, dh, F{}) : dh * (splat(1.0f) - h * h), n);
    store_up_to(s.dh[row] + u, F{}, n);
  });
}

}  // namespace

void fill_rnn(Kernels& table) {
  table.rnn_forward = rnn_forward;
  table.rnn_backward = rnn_backward;
}

}  // namespace lexigrad::LEXIGRAD_ISA
