#include "core/vocabulary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace lexigrad {
namespace {

constexpr std::size_t kInline = 16;  // bytes of a word that its slot holds
constexpr std::size_t kBatch = 32;   // words whose slots are fetched while the batch before is looked up
constexpr std::size_t kFirstSlots = 1 << 12;

static_assert(std::endian::native == std::endian::little, "keys are compared as the bytes lie in memory");

std::uint64_t load(const char* p) {
  std::uint64_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// The odd 64-bit fractions of sqrt(2), sqrt(3) and the golden ratio: any unrelated odd numbers do.
constexpr std::uint64_t kSeed0 = 0x6a09e667f3bcc909, kSeed1 = 0xbb67ae8584caa73b, kSeed2 = 0x9e3779b97f4a7c15;

std::uint64_t hash_of(std::uint64_t low, std::uint64_t high, std::uint64_t length) {
  return mix(mix(low ^ kSeed0, high ^ kSeed1) ^ length, kSeed2);
}

struct Mask {
  std::uint64_t low, high;
};

constexpr std::array<Mask, kInline + 1> kMasks = [] {
  std::array<Mask, kInline + 1> masks{};
  for (std::size_t n = 0; n <= kInline; ++n) {
    masks[n].low = n >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * n)) - 1;
    masks[n].high = n <= 8 ? 0 : n == kInline ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * (n - 8))) - 1;
  }
  return masks;
}();

}  // namespace

WordTable::WordTable() : slots_(kFirstSlots), mask_(kFirstSlots - 1) {}

inline const char* WordTable::bytes(const Slot& slot) const {
  return slot.length > kInline ? arena_.data() + slot.high : reinterpret_cast<const char*>(&slot.low);
}

std::string_view WordTable::word(std::int32_t id) const { return {bytes(slot(id)), slot(id).length}; }

inline WordTable::Key WordTable::padded_key(const char* word, std::size_t length) {
  const std::uint64_t low = load(word) & kMasks[length].low, high = load(word + 8) & kMasks[length].high;
  return {low, high, hash_of(low, high, length), static_cast<std::uint32_t>(length)};
}

WordTable::Key WordTable::long_key(const char* word, std::size_t length) {
  std::uint64_t hash = kSeed2;
  for (std::size_t i = 0; i + kInline < length; i += kInline) {
    hash = mix(load(word + i) ^ hash ^ kSeed0, load(word + i + 8) ^ kSeed1);
  }
  const char* tail = word + length - kInline;
  hash = mix(load(tail) ^ hash ^ kSeed0, load(tail + 8) ^ kSeed1);
  return {hash, 0, hash_of(hash, 0, length), static_cast<std::uint32_t>(length)};
}

WordTable::Key WordTable::key_of(std::string_view word) {
  if (word.size() > kInline) return long_key(word.data(), word.size());
  char padded[kInline] = {};
  if (!word.empty()) std::memcpy(padded, word.data(), word.size());
  return padded_key(padded, word.size());
}

inline WordTable::Key WordTable::key_of(const Slot& slot) {
  const std::uint64_t high = slot.length > kInline ? 0 : slot.high;
  return {slot.low, high, hash_of(slot.low, high, slot.length), slot.length};
}

inline bool WordTable::equal(const Slot& slot, const Key& key, const char* word) const {
  if (slot.low != key.low || slot.length != key.length) return false;
  if (key.length <= kInline) return slot.high == key.high;
  return std::memcmp(arena_.data() + slot.high, word, key.length) == 0;
}

// The place of a word's slot, or of the empty one that it may have.
inline std::size_t WordTable::probe(const Key& key, const char* word) const {
  std::size_t place = key.hash & mask_;
  while (slots_[place].number && !equal(slots_[place], key, word)) place = (place + 1) & mask_;
  return place;
}

// Fills an empty slot that probe() found after reserve().
void WordTable::insert(std::size_t place, const Key& key, const char* word) {
  std::uint64_t high = key.high;
  if (key.length > kInline) {
    high = arena_.size();
    arena_.insert(arena_.end(), word, word + key.length);
  }
  places_.push_back(static_cast<std::uint32_t>(place));
  slots_[place] = {key.low, high, 0, key.length, size()};
}

// Keeps three slots in eight empty.
void WordTable::reserve(std::size_t more) {
  const std::size_t wanted = places_.size() + more;
  if (wanted >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw std::length_error("the corpus holds more than 2^31 - 2 distinct words; ids are 32 bits wide");
  }
  if (wanted * 8 <= slots_.size() * 5) return;
  decltype(slots_) old(slots_.size() * 2);
  old.swap(slots_);
  mask_ = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (!slot.number) continue;
    std::size_t place = key_of(slot).hash & mask_;
    while (slots_[place].number) place = (place + 1) & mask_;
    slots_[place] = slot;
    places_[static_cast<std::size_t>(slot.number - 1)] = static_cast<std::uint32_t>(place);
  }
}

std::int32_t WordTable::find(std::string_view word) const {
  const std::int32_t number = slots_[probe(key_of(word), word.data())].number;
  return number ? number - 1 : kUnknown;
}

std::int32_t WordTable::add(const Key& key, const char* word, std::int64_t count) {
  reserve(1);
  const std::size_t place = probe(key, word);
  if (!slots_[place].number) insert(place, key, word);
  slots_[place].count += count;
  return slots_[place].number - 1;
}

std::int32_t WordTable::add(std::string_view word, std::int64_t count) { return add(key_of(word), word.data(), count); }

template <bool kCount, typename Table>
std::size_t WordTable::look_up(Table& table, const char* text, const Words& words, std::size_t first, std::size_t last,
                               std::int32_t* ids) {
  Key batches[2][kBatch];
  const auto fetch = [&](std::size_t base, Key* keys) {
    for (std::size_t i = base; i < std::min(base + kBatch, last); ++i) {
      const char* word = text + words.starts[i];
      const std::size_t length = words.ends[i] - words.starts[i];
      keys[i - base] = length <= kInline ? padded_key(word, length) : long_key(word, length);
      __builtin_prefetch(&table.slots_[keys[i - base].hash & table.mask_], kCount);
    }
  };
  fetch(first, batches[0]);
  for (std::size_t base = first, batch = 0; base < last; base += kBatch, batch ^= 1) {
    if constexpr (kCount) table.reserve(kBatch);
    fetch(base + kBatch, batches[batch ^ 1]);
    const Key* keys = batches[batch];
    for (std::size_t i = base; i < std::min(base + kBatch, last); ++i) {
      const Key& key = keys[i - base];
      const char* word = text + words.starts[i];
      const std::size_t place = table.probe(key, word);
      if (!table.slots_[place].number) {
        if (find_invalid_utf8({word, key.length}) >= 0) return i;
        if constexpr (kCount) table.insert(place, key, word);
      }
      if constexpr (kCount) ++table.slots_[place].count;
      const std::int32_t number = table.slots_[place].number;
      ids[i] = kCount || number ? number - 1 : kUnknown;
    }
  }
  return last;
}

std::size_t WordTable::count_words(const char* text, const Words& words, std::size_t first, std::size_t last,
                                   std::int32_t* ids) {
  return look_up<true>(*this, text, words, first, last, ids);
}

std::size_t WordTable::find_words(const char* text, const Words& words, std::size_t first, std::size_t last,
                                  std::int32_t* ids) const {
  return look_up<false>(*this, text, words, first, last, ids);
}

void WordTable::merge(const WordTable& other, std::vector<std::int32_t>& ids) {
  ids.resize(other.places_.size());
  reserve(other.places_.size() / 2);
  for (std::size_t id = 0; id < ids.size(); ++id) {
    if (id + 2 * kPrefetchAhead < ids.size()) __builtin_prefetch(&other.slots_[other.places_[id + 2 * kPrefetchAhead]]);
    if (id + kPrefetchAhead < ids.size()) {
      __builtin_prefetch(&slots_[key_of(other.slots_[other.places_[id + kPrefetchAhead]]).hash & mask_], 1);
    }
    const Slot& slot = other.slots_[other.places_[id]];
    ids[id] = add(key_of(slot), other.bytes(slot), slot.count);
  }
}

void WordTable::retain(const std::function<bool(std::string_view, std::int64_t)>& keep) {
  WordTable kept;
  for (std::int32_t id = 0; id < size(); ++id) {
    if (keep(word(id), count(id))) kept.add(key_of(slot(id)), bytes(slot(id)), count(id));
  }
  *this = std::move(kept);
}

void WordTable::renumber(const std::vector<std::int32_t>& ranks) {
  std::vector<std::uint32_t> places(places_.size());
  for (std::size_t id = 0; id < places_.size(); ++id) {
    const auto rank = static_cast<std::size_t>(ranks[id]);
    places[rank] = places_[id];
    slots_[places_[id]].number = ranks[id] + 1;
  }
  places_ = std::move(places);
}

void WordTable::sort(std::vector<std::int32_t>& ids) const {
  struct Item {
    std::int64_t count;
    std::uint64_t prefix;  // big-endian, so that it compares as the bytes do
    std::int32_t id;
  };
  std::vector<Item> items;
  items.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i + kPrefetchAhead < ids.size()) prefetch(ids[i + kPrefetchAhead]);
    const std::int32_t id = ids[i];
    const std::string_view bytes = word(id);
    char prefix[8] = {};
    std::memcpy(prefix, bytes.data(), std::min<std::size_t>(bytes.size(), sizeof prefix));
    items.push_back({count(id), __builtin_bswap64(load(prefix)), id});
  }
  std::sort(items.begin(), items.end(), [this](const Item& a, const Item& b) {
    if (a.count != b.count) return a.count > b.count;
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return word(a.id) < word(b.id);
  });
  std::transform(items.begin(), items.end(), ids.begin(), [](const Item& item) { return item.id; });
}

}  // namespace lexigrad
