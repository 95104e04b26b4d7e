"""Speed, memory and quality of lexigrad beside its peers: ``python -m benchmarks NAME --help``.

Tables and data go to benchmarks/results/. What the benchmarks find by environment variables:

- LEXIGRAD_DATA: the directory with corpus/ and eval/ (default: ../shared/data, seen from the project);
- LEXIGRAD_BENCH_DIR: where the corpora made from it are kept (default: a directory for temporary files);
- LEXIGRAD_WORD2VEC_C, LEXIGRAD_PWORD2VEC: the programs word2vec.c and pWord2Vec (default: word2vec and pword2vec on
  PATH). gensim is taken from the running Python. The rows of a peer that is not there are left out.
"""
