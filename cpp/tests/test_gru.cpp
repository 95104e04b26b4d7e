// The GRU on every instruction set against a plain loop.
#include "layers.h"

int main() {
  using namespace lexigrad;
  check_sizes(Cell::kGru, [](const Vector& inputs, const Vector& hidden, Vector& h, Vector&) {
    const std::size_t H = h.size();
    for (std::size_t u = 0; u < H; ++u) {
      const double r = logistic(inputs[u] + hidden[u]), z = logistic(inputs[H + u] + hidden[H + u]);
      const double n = std::tanh(inputs[2 * H + u] + r * hidden[2 * H + u]);
      h[u] = (1 - z) * n + z * h[u];
    }
  });
  return 0;
}
