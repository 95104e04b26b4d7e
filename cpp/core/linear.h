// y = x W^T + b for many rows at once, and its gradients, with the products of recurrent layers.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace lexigrad {

struct Linear {
  std::int64_t rows, inputs, outputs;  // each at least 1
  const float* x;                      // (rows, inputs)
  const float* weight;                 // (outputs, inputs)
};

// Null where not wanted.
struct LinearGradients {
  float* x;       // (rows, inputs)
  float* weight;  // (outputs, inputs)
  float* bias;    // (outputs)
};

void linear_forward(const Kernels& kernels, const Linear& layer, const float* bias, float* y, int threads);

void linear_backward(const Kernels& kernels, const Linear& layer, const float* dy, const LinearGradients& gradients,
                     int threads);

}  // namespace lexigrad
