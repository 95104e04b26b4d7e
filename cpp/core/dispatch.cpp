#include "core/dispatch.h"

#include <cstdlib>
#include <stdexcept>

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

namespace {

struct Level {
  const char* name;
  bool supported;
  void (*fill)(Kernels&);
};

#ifdef LEXIGRAD_HAS_avx512
void fill_avx512(Kernels& table) {
  avx512::fill(table);
  if (__builtin_cpu_supports("avx512vnni")) avx512vnni::fill_similarity(table);
}
#endif

std::vector<Level> levels() {
  std::vector<Level> all;
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
  all.push_back({"baseline", true, baseline::fill});
#ifdef LEXIGRAD_HAS_avx2
  all.push_back({"avx2", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"), avx2::fill});
#endif
#ifdef LEXIGRAD_HAS_avx512
  all.push_back({"avx512",
                 __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"),
                 fill_avx512});
#endif
  return all;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Kernels choose() {
  Kernels table{};
  const char* forced = std::getenv("LEXIGRAD_ISA");
  const std::string wanted = forced ? forced : "";
  const Level* best = nullptr;
  const auto all = levels();
  for (const auto& level : all) {
    if (!level.supported) continue;
    if (wanted.empty() || wanted == level.name) best = &level;
  }
  if (!best) {
    throw std::runtime_error("LEXIGRAD_ISA=" + wanted + " is not a level that this CPU can run; it can run " +
                             joined(available_isas()) + ": unset the variable or name one of these");
  }
  best->fill(table);
  return table;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels table = choose();
  return table;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const auto& level : levels()) {
    if (level.supported) names.push_back(level.name);
  }
  return names;
}

}  // namespace lexigrad
