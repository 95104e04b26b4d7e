// Every instruction set that was compiled and that this CPU runs, each through its own fill function.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "core/dispatch.h"
#include "kernels/kernels.h"

namespace lexigrad {

namespace baseline {
void fill(Kernels&);
}
namespace avx2 {
void fill(Kernels&);
}
namespace avx512 {
void fill(Kernels&);
}
namespace avx512vnni {
void fill_similarity(Kernels&);
}

inline std::vector<Kernels> levels() {
  std::vector<Kernels> all;
  for (const std::string& isa : available_isas()) {
    Kernels table{};
    if (isa == "baseline") baseline::fill(table);
#ifdef LEXIGRAD_HAS_avx2
    if (isa == "avx2") avx2::fill(table);
#endif
#ifdef LEXIGRAD_HAS_avx512
    if (isa == "avx512") avx512::fill(table);
#endif
    std::printf("level %s, %d floats wide\n", table.isa, table.width);
    all.push_back(table);
#ifdef LEXIGRAD_HAS_avx512
    if (isa == "avx512" && __builtin_cpu_supports("avx512vnni")) {
      avx512vnni::fill_similarity(table);
      std::printf("the same with avx512vnni\n");
      all.push_back(table);
    }
#endif
  }
  return all;
}

}  // namespace lexigrad
