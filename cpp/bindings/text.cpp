// Corpora and vocabularies.
#include "bindings/arrays.h"

namespace lexigrad {

void bind_text(py::module_&) {}

}  // namespace lexigrad
