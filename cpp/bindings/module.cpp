#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "core/dispatch.h"
#include "core/parallel.h"

namespace lexigrad {
void bind_adagram(pybind11::module_& m);
void bind_cooccurrence(pybind11::module_& m);
void bind_ctc_decode(pybind11::module_& m);
void bind_doc2vec(pybind11::module_& m);
void bind_fasttext(pybind11::module_& m);
void bind_linear(pybind11::module_& m);
void bind_lda2vec(pybind11::module_& m);
void bind_glove(pybind11::module_& m);
void bind_losses(pybind11::module_& m);
void bind_optim(pybind11::module_& m);
void bind_phrases(pybind11::module_& m);
void bind_recurrent(pybind11::module_& m);
void bind_sampling(pybind11::module_& m);
void bind_text(pybind11::module_& m);
void bind_vector_files(pybind11::module_& m);
void bind_vectors(pybind11::module_& m);
void bind_word2vec(pybind11::module_& m);
}  // namespace lexigrad

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  using namespace lexigrad;
  m.doc() = "The compiled kernels of lexigrad.";
  m.attr("isa") = kernels().isa;
  m.attr("width") = kernels().width;
  m.def("available_isas", &available_isas);
  m.def("num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads, pybind11::arg("count"));
  bind_adagram(m);
  bind_cooccurrence(m);
  bind_ctc_decode(m);
  bind_doc2vec(m);
  bind_fasttext(m);
  bind_linear(m);
  bind_lda2vec(m);
  bind_glove(m);
  bind_losses(m);
  bind_optim(m);
  bind_phrases(m);
  bind_recurrent(m);
  bind_sampling(m);
  bind_text(m);
  bind_vector_files(m);
  bind_vectors(m);
  bind_word2vec(m);
}
