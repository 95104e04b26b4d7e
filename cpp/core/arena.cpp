#include "core/arena.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <mutex>
#include <new>

#include "core/pages.h"

namespace lexigrad {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kMostIdle = std::size_t{256} << 20;  // bytes kept for later calls
constexpr std::size_t kSmallest = std::size_t{1} << 12;
constexpr std::size_t kFirstChunk = std::size_t{1} << 15;

struct alignas(kLine) Header {
  std::size_t size;  // of the block, with this header
};

// Sizes in steps of an eighth of their power of two, so that a block serves requests of about its size.
std::size_t rounded(std::size_t bytes) {
  const std::size_t step = std::max(kSmallest, std::bit_floor(bytes)) / 8;
  return (bytes + step - 1) / step * step;
}

Header* allocate(std::size_t size) { return new (pages_acquire(size)) Header{size}; }

void deallocate(Header* block) { pages_release(block, block->size); }

// Idle blocks, the latest last. The lock is only ever tried: a child that was forked while another thread held it
// then works without the arena.
std::mutex idle_mutex;
std::vector<Header*>& idle() {
  static auto* blocks = new std::vector<Header*>;  // never destroyed: arrays may outlive static objects
  return *blocks;
}
std::size_t idle_bytes = 0;

Header* take_idle(std::size_t size) {
  std::unique_lock lock(idle_mutex, std::try_to_lock);
  if (!lock.owns_lock()) return nullptr;
  auto& blocks = idle();
  for (auto i = blocks.rbegin(); i != blocks.rend(); ++i) {
    if ((*i)->size != size) continue;
    Header* block = *i;
    blocks.erase(std::next(i).base());
    idle_bytes -= size;
    return block;
  }
  return nullptr;
}

bool keep_idle(Header* block) noexcept {
  if (block->size > kMostIdle) return false;
  std::unique_lock lock(idle_mutex, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  auto& blocks = idle();
  try {
    blocks.push_back(block);
  } catch (const std::bad_alloc&) {
    return false;
  }
  idle_bytes += block->size;
  std::size_t old = 0;
  for (; idle_bytes > kMostIdle; ++old) {
    idle_bytes -= blocks[old]->size;
    deallocate(blocks[old]);
  }
  blocks.erase(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(old));
  return true;
}

}  // namespace

void* arena_acquire(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();
  const std::size_t size = rounded(bytes + sizeof(Header));
  Header* block = take_idle(size);
  return (block ? block : allocate(size)) + 1;
}

void arena_release(void* block) noexcept {
  Header* header = static_cast<Header*>(block) - 1;
  if (!keep_idle(header)) deallocate(header);
}

Workspace::~Workspace() {
  for (void* block : blocks_) arena_release(block);
}

void* Workspace::bytes(std::size_t count) {
  const std::size_t size = (count + kLine - 1) / kLine * kLine;
  if (size > left_) {
    const std::size_t chunk = std::max(size, kFirstChunk);
    blocks_.reserve(blocks_.size() + 1);
    auto* block = static_cast<char*>(arena_acquire(chunk));
    blocks_.push_back(block);
    if (chunk - size < left_) return block;  // what is left of the last one is more
    next_ = block;
    left_ = chunk;
  }
  void* result = next_;
  next_ += size;
  left_ -= size;
  return result;
}

}  // namespace lexigrad
