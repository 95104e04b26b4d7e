#include "kernels/kernels.h"
#include "kernels/simd.h"

#define LEXIGRAD_TEXT_(x) #x
#define LEXIGRAD_TEXT(x) LEXIGRAD_TEXT_(x)

namespace lexigrad::LEXIGRAD_ISA {

void fill_adagram(Kernels&);
void fill_attention(Kernels&);
void fill_clip(Kernels&);
void fill_crf(Kernels&);
void fill_ctc(Kernels&);
void fill_doc2vec(Kernels&);
void fill_fasttext(Kernels&);
void fill_fasttext_classifier(Kernels&);
void fill_optimizers(Kernels&);
void fill_glove(Kernels&);
void fill_gru(Kernels&);
void fill_lda2vec(Kernels&);
void fill_lstm(Kernels&);
void fill_recurrent(Kernels&);
void fill_rnn(Kernels&);
void fill_similarity(Kernels&);
void fill_softmax(Kernels&);
void fill_word2vec(Kernels&);

void fill(Kernels& table) {
  table.isa = LEXIGRAD_TEXT(LEXIGRAD_ISA);
  table.width = W;
  fill_adagram(table);
  fill_attention(table);
  fill_clip(table);
  fill_crf(table);
  fill_ctc(table);
  fill_doc2vec(table);
  fill_fasttext(table);
  fill_fasttext_classifier(table);
  fill_optimizers(table);
  fill_glove(table);
  fill_gru(table);
  fill_lda2vec(table);
  fill_lstm(table);
  fill_recurrent(table);
  fill_rnn(table);
  fill_similarity(table);
  fill_softmax(table);
  fill_word2vec(table);
}

}  // namespace lexigrad::LEXIGRAD_ISA
