#include "bindings/buffers.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <new>

#include "core/pages.h"

namespace lexigrad {
namespace {

constexpr std::size_t kHugePage = 1 << 21;
constexpr std::size_t kLeast = 1 << 20;        // smaller arrays are the allocator's
constexpr std::size_t kMostKept = 256u << 20;  // bytes of free pieces

// A piece of memory, whose first cache line this is.
struct alignas(64) Piece {
  std::size_t bytes;
};

void release(Piece* piece) { pages_release(piece, piece->bytes); }

// Free pieces, without a lock: a child that is forked in the middle of a call finds it usable.
class Store {
 public:
  Piece* take(std::size_t bytes) {
    for (auto& slot : slots_) {
      Piece* piece = slot.exchange(nullptr);
      if (!piece) continue;
      if (piece->bytes == bytes) {
        kept_ -= bytes;
        return piece;
      }
      put_back(slot, piece);
    }
    return nullptr;
  }

  void give(Piece* piece) {
    if (kept_.load() + piece->bytes > kMostKept) return release(piece);
    kept_ += piece->bytes;
    for (auto& slot : slots_) {
      Piece* empty = nullptr;
      if (slot.compare_exchange_strong(empty, piece)) return;
    }
    drop(slots_[next_++ % slots_.size()].exchange(piece));
  }

 private:
  void put_back(std::atomic<Piece*>& slot, Piece* piece) {
    Piece* empty = nullptr;
    if (!slot.compare_exchange_strong(empty, piece)) drop(piece);
  }

  void drop(Piece* piece) {
    if (!piece) return;
    kept_ -= piece->bytes;
    release(piece);
  }

  std::array<std::atomic<Piece*>, 8> slots_{};
  std::atomic<std::size_t> kept_{0}, next_{0};
};

Store store;

Piece* new_piece(std::size_t bytes) { return new (pages_acquire(bytes)) Piece{bytes}; }

}  // namespace

py::array_t<float> output_array(const std::vector<py::ssize_t>& shape) {
  std::size_t bytes = sizeof(float);
  for (const py::ssize_t size : shape) bytes *= static_cast<std::size_t>(size);
  if (bytes < kLeast) return py::array_t<float>(shape);
  const std::size_t whole = (bytes + sizeof(Piece) + kHugePage - 1) / kHugePage * kHugePage;
  Piece* piece = store.take(whole);
  if (!piece) piece = new_piece(whole);
  py::capsule owner(piece, [](void* p) { store.give(static_cast<Piece*>(p)); });
  return py::array_t<float>(shape, reinterpret_cast<float*>(piece + 1), owner);
}

}  // namespace lexigrad
