// Memory for results and work space, kept for the next call: fresh pages from the system cost more time than some
// of the computations that fill them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lexigrad {

// Bytes aligned to 64, on huge pages where there are enough of them; not zeroed. Throws std::bad_alloc.
void* arena_acquire(std::size_t bytes);
void arena_release(void* block) noexcept;

// Work space of one call, given back at its end.
class Workspace {
 public:
  Workspace() = default;
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace();

  template <typename T>
  T* get(std::int64_t count) {
    return static_cast<T*>(bytes(static_cast<std::size_t>(count) * sizeof(T)));
  }

 private:
  void* bytes(std::size_t count);

  std::vector<void*> blocks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace lexigrad
