// Strings → their position in a list: open addressing over views, whose bytes the caller keeps alive.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace ayar::text {

// Mixes eight bytes at a time; not for untrusted keys where collisions matter (a table grows, it never degrades without bound).
inline uint64_t hash_bytes(const char* data, size_t size) {
  uint64_t h = 0x9E3779B97F4A7C15u ^ size;
  const auto mix = [&h](uint64_t word) {
    h = (h ^ word) * 0xD6E8FEB86659FD93u;
    h ^= h >> 32;
  };
  for (; size >= 8; size -= 8, data += 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    mix(word);
  }
  uint64_t tail = 0;
  std::memcpy(&tail, data, size);
  mix(tail);
  return h;
}

class StringIndex {
 public:
  static constexpr uint32_t kAbsent = 0xFFFFFFFF;

  explicit StringIndex(size_t capacity = 0) {
    size_t slots = 16;
    while (slots < 2 * capacity) slots *= 2;
    slots_.assign(slots, {0, kAbsent});
    strings_.reserve(capacity);
    values_.reserve(capacity);
  }

  // False where the string is there already. At most `capacity` strings.
  bool insert(std::string_view string, uint32_t value) {
    const uint64_t hash = hash_bytes(string.data(), string.size());
    size_t slot = hash & (slots_.size() - 1);
    for (; slots_[slot].entry != kAbsent; slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot].tag == static_cast<uint32_t>(hash >> 32) && strings_[slots_[slot].entry] == string) return false;
    }
    slots_[slot] = {static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(strings_.size())};
    strings_.push_back(string);
    values_.push_back(value);
    return true;
  }

  uint32_t find(std::string_view string) const {
    const uint64_t hash = hash_bytes(string.data(), string.size());
    for (size_t slot = hash & (slots_.size() - 1); slots_[slot].entry != kAbsent; slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot].tag == static_cast<uint32_t>(hash >> 32) && strings_[slots_[slot].entry] == string) {
        return values_[slots_[slot].entry];
      }
    }
    return kAbsent;
  }

 private:
  struct Slot {
    uint32_t tag;
    uint32_t entry;
  };
  std::vector<Slot> slots_;
  std::vector<std::string_view> strings_;
  std::vector<uint32_t> values_;
};

}  // namespace ayar::text
