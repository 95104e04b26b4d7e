// Large outputs in memory that is used again: the kernel's page faults on fresh memory cost as much as what is
// computed into it.
#pragma once

#include <cstdint>

#include "bindings/arrays.h"

namespace lexigrad {

// An array (rows, size) of values that are not initialised, aligned to 64 bytes. Where it is large its memory comes
// from, and at its end goes to, a small store of free pieces.
py::array_t<float> output_array(std::int64_t rows, std::int64_t size);

}  // namespace lexigrad
