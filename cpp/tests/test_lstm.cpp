// The LSTM on every instruction set against a plain loop.
#include "layers.h"

int main() {
  using namespace lexigrad;
  check_sizes(Cell::kLstm, [](const Vector& inputs, const Vector& hidden, Vector& h, Vector& c) {
    const std::size_t H = h.size();
    for (std::size_t u = 0; u < H; ++u) {
      const auto gate = [&](std::size_t g) { return inputs[g * H + u] + hidden[g * H + u]; };
      c[u] = logistic(gate(1)) * c[u] + logistic(gate(0)) * std::tanh(gate(2));
      h[u] = logistic(gate(3)) * std::tanh(c[u]);
    }
  });
  return 0;
}
