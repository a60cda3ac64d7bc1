// Tokens and their ids, in a compiled image.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/compiled_image.hpp"

namespace ayar::text {

inline constexpr uint32_t kNoToken = 0xFFFFFFFF;
inline constexpr uint32_t kMaxIds = 1u << 21;

struct VocabularyEntry {
  std::string token;
  uint32_t id;
};

class Vocabulary {
 public:
  // Throws std::invalid_argument: an empty token, one listed twice, an id over kMaxIds or with two tokens.
  static void build(const std::vector<VocabularyEntry>& entries, ImageBuilder& image);
  // Throws DamagedImage where an array could lead outside of another.
  explicit Vocabulary(const CompiledImage& image);

  uint32_t id_count() const { return static_cast<uint32_t>(offsets_.size() - 1); }  // one more than the greatest id
  uint32_t size() const { return size_; }
  bool has(uint32_t id) const { return id < id_count() && offsets_[id] != offsets_[id + 1]; }
  std::string_view token(uint32_t id) const { return {bytes_.data() + offsets_[id], offsets_[id + 1] - offsets_[id]}; }
  uint32_t find(std::string_view token) const;  // or kNoToken

 private:
  std::span<const uint32_t> offsets_;
  std::string_view bytes_;
  std::span<const uint64_t> slots_;  // id + 1 in the lower half, a part of the hash in the upper; 0 is empty
  uint32_t size_ = 0;
};

}  // namespace ayar::text
