#include "text/compiled_vocabulary.hpp"

#include <algorithm>
#include <stdexcept>

#include "text/block_utf8.hpp"
#include "text/string_index.hpp"

namespace ayar::text {

void Vocabulary::build(const std::vector<VocabularyEntry>& entries, ImageBuilder& image) {
  uint32_t ids = 0;
  for (const VocabularyEntry& entry : entries) {
    if (entry.id >= kMaxIds) throw std::invalid_argument("token id " + std::to_string(entry.id) + " is over 2,097,151");
    if (entry.token.empty()) throw std::invalid_argument("token " + std::to_string(entry.id) + " is empty");
    ids = std::max(ids, entry.id + 1);
  }
  std::vector<const std::string*> token_of(ids);
  size_t slots = 16, bytes = 0;
  while (slots < 2 * entries.size()) slots *= 2;
  std::vector<uint64_t> index(slots);
  for (const VocabularyEntry& entry : entries) {
    if (token_of[entry.id] != nullptr) throw std::invalid_argument("two tokens have id " + std::to_string(entry.id));
    token_of[entry.id] = &entry.token;
    bytes += entry.token.size();
    const uint64_t hash = hash_bytes(entry.token.data(), entry.token.size());
    size_t slot = hash & (slots - 1);
    for (; index[slot] != 0; slot = (slot + 1) & (slots - 1)) {
      if (index[slot] >> 32 == hash >> 32 && *token_of[static_cast<uint32_t>(index[slot]) - 1] == entry.token) {
        throw std::invalid_argument("a token is listed twice in the vocabulary");
      }
    }
    index[slot] = hash >> 32 << 32 | (entry.id + 1);
  }
  if (bytes > UINT32_MAX) throw std::invalid_argument("the tokens are longer than 4 GiB");
  std::string joined;
  joined.reserve(bytes);
  std::vector<uint32_t> offsets{0};
  offsets.reserve(ids + 1);
  for (const std::string* const token : token_of) {
    if (token != nullptr) joined += *token;
    offsets.push_back(static_cast<uint32_t>(joined.size()));
  }
  image.add<uint32_t>(Section::token_offsets, offsets);
  image.add_bytes(Section::token_bytes, joined);
  image.add<uint64_t>(Section::token_slots, index);
}

Vocabulary::Vocabulary(const CompiledImage& image)
    : offsets_(image.array<uint32_t>(Section::token_offsets)),
      bytes_(image.text(Section::token_bytes)),
      slots_(image.array<uint64_t>(Section::token_slots)) {
  const bool starts_and_ends = !offsets_.empty() && offsets_.front() == 0 && offsets_.back() == bytes_.size();
  if (!starts_and_ends || !std::is_sorted(offsets_.begin(), offsets_.end()) || offsets_.size() > kMaxIds + 1) {
    throw DamagedImage("token offsets are out of order");
  }
  const auto is_inside = [this](uint32_t at) { return at < bytes_.size() && (bytes_[at] & 0xC0) == 0x80; };
  if (!is_well_formed(bytes_) || std::any_of(offsets_.begin(), offsets_.end(), is_inside)) {
    throw DamagedImage("a token is not UTF-8");
  }
  if (slots_.empty() || (slots_.size() & (slots_.size() - 1)) != 0) throw DamagedImage("the index of tokens has a wrong size");
  for (const uint64_t slot : slots_) {
    size_ += slot != 0;
    if (static_cast<uint32_t>(slot) > id_count() || (slot != 0 && static_cast<uint32_t>(slot) == 0)) {
      throw DamagedImage("the index of tokens leads outside");
    }
  }
  if (size_ == slots_.size()) throw DamagedImage("the index of tokens is full");
}

uint32_t Vocabulary::find(std::string_view wanted) const {
  const uint64_t hash = hash_bytes(wanted.data(), wanted.size());
  for (size_t slot = hash & (slots_.size() - 1); slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const auto id = static_cast<uint32_t>(slots_[slot]) - 1;
    if (slots_[slot] >> 32 == hash >> 32 && token(id) == wanted) return id;
  }
  return kNoToken;
}

}  // namespace ayar::text
