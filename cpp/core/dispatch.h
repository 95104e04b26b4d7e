// Which instruction set the kernels run on.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace lexigrad {

// The kernels for this CPU, or for the level that LEXIGRAD_ISA names.
// Throws std::runtime_error when that level is unknown or the CPU lacks it.
const Kernels& kernels();

std::vector<std::string> available_isas();  // every level that this CPU can run, lowest first

}  // namespace lexigrad
