// Memory on huge pages where there is enough of it: access all over it then misses the TLB less.
#pragma once

#include <cstddef>

namespace lexigrad {

// Bytes aligned to 64, and to 2 MiB where there are as many; not zeroed. Throws std::bad_alloc.
void* pages_acquire(std::size_t bytes);
void pages_release(void* memory, std::size_t bytes) noexcept;

// For containers.
template <typename T>
struct PageAllocator {
  using value_type = T;

  PageAllocator() = default;
  template <typename U>
  PageAllocator(const PageAllocator<U>&) {}

  T* allocate(std::size_t count) { return static_cast<T*>(pages_acquire(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) noexcept { pages_release(memory, count * sizeof(T)); }
  friend bool operator==(const PageAllocator&, const PageAllocator&) { return true; }
};

}  // namespace lexigrad
