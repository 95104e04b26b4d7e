// Large outputs in memory that is used again: the kernel's page faults on fresh memory cost as much as what is
// computed into it.
#pragma once

#include <vector>

#include "bindings/arrays.h"

namespace lexigrad {

// An array of values that are not initialised, aligned to 64 bytes. Where it is large its memory comes
// from, and at its end goes to, a small store of free pieces.
py::array_t<float> output_array(const std::vector<py::ssize_t>& shape);

}  // namespace lexigrad
