// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).
#include "kernels/kernels.h"
#include "kernels/recurrent.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// i, f, o = sigmoid, g = tanh of W_ih x + b_ih + W_hh h + b_hh;  c' = f c + i g;  h' = o tanh(c').
void lstm_forward(const RecurrentForward& s, std::int64_t count, std::int64_t block_begin, std::int64_t block_end) {
  for (std::int64_t block = block_begin; block < block_end; ++block) {
    hidden_product<4>(s, count, block);
    for_units_of_block(s, count, block, [&](std::int64_t row, std::int64_t u, std::int64_t v, std::size_t n) {
      const std::int64_t b = s.rows[row];
      float* gates = s.step_gates + b * s.gates_stride + u;
      const float* product = s.product_rows[row] + v;
      const F i = sigmoid(load_up_to(gates, n) + load(product));
      const F f = sigmoid(load_up_to(gates + s.units, n) + load(product + kPanel));
      const F g = tanh(load_up_to(gates + 2 * s.units, n) + load(product + 2 * kPanel));
      const F o = sigmoid(load_up_to(gates + 3 * s.units, n) + load(product + 3 * kPanel));
      const F c = f * load_up_to(s.c[row] + u, n) + i * g;
      const F h = o * tanh(c);
      store_up_to(s.c[row] + u, c, n);
      store_up_to(s.h_next[row] + u, h, n);
      store_up_to(s.step_out + b * s.out_stride + u, h, n);
      if (s.save) {
        store_up_to(gates, i, n);
        store_up_to(gates + s.units, f, n);
        store_up_to(gates + 2 * s.units, g, n);
        store_up_to(gates + 3 * s.units, o, n);
        store_up_to(s.step_cells + b * s.units + u, c, n);
      }
    });
  }
}

// With t = tanh(c') and dh, dc the gradients of h', c' by all that follows:
//   do = dh t o (1 - o);  dc += dh o (1 - t^2);  di = dc g i (1 - i);  df = dc c f (1 - f);  dg = dc i (1 - g^2);
//   the gradient of c is dc f. All of h's gradient goes through the gates.
void lstm_backward(const RecurrentBackward& s, std::int64_t count, std::int64_t unit_begin, std::int64_t unit_end) {
  for_units(count, unit_begin, unit_end, [&](std::int64_t row, std::int64_t u, std::size_t n) {
    const std::int64_t b = s.rows[row];
    const F one = splat(1.0f);
    float* gates = s.step_gates + b * s.gates_stride + u;
    const F i = load_up_to(gates, n);
    const F f = load_up_to(gates + s.units, n);
    const F g = load_up_to(gates + 2 * s.units, n);
    const F o = load_up_to(gates + 3 * s.units, n);
    const F t = tanh(load_up_to(s.step_cells + b * s.units + u, n));
    F dh = load_up_to(s.dh[row] + u, n);
    if (s.step_dout) dh += load_up_to(s.step_dout + b * s.out_stride + u, n);
    const F dc = load_up_to(s.dc[row] + u, n) + dh * o * (one - t * t);
    store_up_to(gates, dc * g * i * (one - i), n);
    store_up_to(gates + s.units, dc * load_up_to(s.before[row] + u, n) * f * (one - f), n);
    store_up_to(gates + 2 * s.units, dc * i * (one - g * g), n);
    store_up_to(gates + 3 * s.units, dh * t * o * (one - o), n);
    store_up_to(s.dc[row] + u, dc * f, n);
    store_up_to(s.dh[row] + u, F{}, n);
  });
}

}  // namespace

void fill_lstm(Kernels& table) {
  table.lstm_forward = lstm_forward;
  table.lstm_backward = lstm_backward;
}

}  // namespace lexigrad::LEXIGRAD_ISA
