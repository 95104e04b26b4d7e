// Gated recurrent unit (Cho et al. 2014), with the reset gate after the product, as in cuDNN and PyTorch.
#include "kernels/kernels.h"
#include "kernels/recurrent.h"

namespace lexigrad::LEXIGRAD_ISA {
namespace {

// r, z = sigmoid of W_ih x + b_ih + W_hh h + b_hh;  m = W_hn h + b_hn;  n = tanh(W_in x + b_in + r m);
// h' = (1 - z) n + z h. The slots are n, r, z, m: the first three go with W_ih, the last three with W_hh.
void gru_forward(const RecurrentForward& s, std::int64_t count, std::int64_t block_begin, std::int64_t block_end) {
  for (std::int64_t block = block_begin; block < block_end; ++block) {
    hidden_product<3>(s, count, block);
    for_units_of_block(s, count, block, [&](std::int64_t row, std::int64_t u, std::int64_t v, std::size_t size) {
      const std::int64_t b = s.rows[row];
      float* gates = s.step_gates + b * s.gates_stride + u;
      const float* product = s.product_rows[row] + v;
      const F r = sigmoid(load_up_to(gates + s.units, size) + load(product));
      const F z = sigmoid(load_up_to(gates + 2 * s.units, size) + load(product + kPanel));
      F m = load(product + 2 * kPanel);
      if (s.hidden_bias) m += load_up_to(s.hidden_bias + u, size);
      const F n = tanh(load_up_to(gates, size) + r * m);
      const F h = n + z * (load_up_to(s.h[row] + u, size) - n);
      store_up_to(s.h_next[row] + u, h, size);
      store_up_to(s.step_out + b * s.out_stride + u, h, size);
      if (s.save) {
        store_up_to(gates, n, size);
        store_up_to(gates + s.units, r, size);
        store_up_to(gates + 2 * s.units, z, size);
        store_up_to(gates + 3 * s.units, m, size);
      }
    });
  }
}

// With dh the gradient of h' by all that follows:
//   dn = dh (1 - z) (1 - n^2);  dr = dn m r (1 - r);  dz = dh (h - n) z (1 - z);  dm = dn r;
//   z dh goes to h directly, the rest through W_hh.
void gru_backward(const RecurrentBackward& s, std::int64_t count, std::int64_t unit_begin, std::int64_t unit_end) {
  for_units(count, unit_begin, unit_end, [&](std::int64_t row, std::int64_t u, std::size_t size) {
    const std::int64_t b = s.rows[row];
    const F one = splat(1.0f);
    float* gates = s.step_gates + b * s.gates_stride + u;
    const F n = load_up_to(gates, size);
    const F r = load_up_to(gates + s.units, size);
    const F z = load_up_to(gates + 2 * s.units, size);
    const F m = load_up_to(gates + 3 * s.units, size);
    F dh = load_up_to(s.dh[row] + u, size);
    if (s.step_dout) dh += load_up_to(s.step_dout + b * s.out_stride + u, size);
    const F dn = dh * (one - z) * (one - n * n);
    store_up_to(gates, dn, size);
    store_up_to(gates + s.units, dn * m * r * (one - r), size);
    store_up_to(gates + 2 * s.units, dh * (load_up_to(s.before[row] + u, size) - n) * z * (one - z), size);
    store_up_to(gates + 3 * s.units, dn * r, size);
    store_up_to(s.dh[row] + u, dh * z, size);
  });
}

}  // namespace

void fill_gru(Kernels& table) {
  table.gru_forward = gru_forward;
  table.gru_backward = gru_backward;
}

}  // namespace lexigrad::LEXIGRAD_ISA
