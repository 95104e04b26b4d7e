// Training of embeddings: check, release the GIL, train, return.
#include "bindings/arrays.h"

namespace lexigrad {

void bind_embed(py::module_&) {}

}  // namespace lexigrad
