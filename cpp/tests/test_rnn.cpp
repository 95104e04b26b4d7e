// The simple recurrent network on every instruction set against a plain loop.
#include "layers.h"

int main() {
  using namespace lexigrad;
  check_sizes(Cell::kTanh, [](const Vector& inputs, const Vector& hidden, Vector& h, Vector&) {
    for (std::size_t u = 0; u < h.size(); ++u) h[u] = std::tanh(inputs[u] + hidden[u]);
  });
  return 0;
}
