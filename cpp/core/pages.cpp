#include "core/pages.h"

#include <sys/mman.h>

#include <new>

namespace lexigrad {
namespace {

constexpr std::size_t kLine = 64, kHugePage = std::size_t{1} << 21;

std::align_val_t alignment(std::size_t bytes) { return std::align_val_t{bytes >= kHugePage ? kHugePage : kLine}; }

}  // namespace

void* pages_acquire(std::size_t bytes) {
  void* memory = ::operator new(bytes, alignment(bytes));
#ifdef MADV_HUGEPAGE
  if (bytes >= kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

void pages_release(void* memory, std::size_t bytes) noexcept { ::operator delete(memory, alignment(bytes)); }

}  // namespace lexigrad
