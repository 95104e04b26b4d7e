// A recurrent layer over all its steps, in one or two directions, forward and backward.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace lexigrad {

enum class Cell { kTanh, kRelu, kLstm, kGru };

int gates_of(Cell cell);  // G: rows of the weights for each unit
int slots_of(Cell cell);  // floats that forward saves for each unit and backward turns into gradients

// Rows of a (T, B, ...) or (B, T, ...) array: floats from a step to the next, and from a batch row to the next.
struct Strides {
  std::int64_t time, row;
};

// The weights of one direction, or their gradients; biases may be null.
template <typename T>
struct RecurrentParameters {
  T *w_ih, *w_hh, *b_ih, *b_hh;  // (G H, I), (G H, H), (G H), (G H)
};

struct RecurrentLayer {
  Cell cell;
  std::int64_t T, B, I, H;
  int directions;  // the second one runs backwards in time
  RecurrentParameters<const float> weights[2];
  const float* x;
  Strides x_strides;
  const std::int64_t* lengths;  // (B) in [0, T]; or null: all T
  const float *h0, *c0;         // (directions, B, H); or null: zeros
};

struct RecurrentResult {
  float* y;  // directions * H floats a row; zero past a sequence's end
  Strides y_strides;
  float *h, *c;  // (directions, B, H): the states after the last step
  float* gates;  // (directions, T, B, slots * H) for backward; or null
  float* cells;  // LSTM: (directions, T, B, H) for backward; or null
};

// Gradients that come in may be null: zeros. Gradients that go out may be null: not wanted.
struct RecurrentGradients {
  const float *y, *h, *c;  // as in the result
  float* x;                // as the layer's x
  float *h0, *c0;          // (directions, B, H)
  RecurrentParameters<float> weights[2];
};

void recurrent_forward(const Kernels& kernels, const RecurrentLayer& layer, const RecurrentResult& result, int threads);

// `saved` is what forward filled, gates and cells included; the gates are overwritten.
void recurrent_backward(const Kernels& kernels, const RecurrentLayer& layer, const RecurrentResult& saved,
                        const RecurrentGradients& gradients, int threads);

}  // namespace lexigrad
