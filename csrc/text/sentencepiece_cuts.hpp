// Where a text can be cut before a SentencePiece BPE merges it, whatever the ranks: between two characters that stand side by side in no
// token that a merge makes. In texts with U+0020 in the place of ▁.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "text/compiled_image.hpp"

namespace ayar::text {

class SentencePieceCuts {
 public:
  static void build(const std::vector<std::pair<std::string, std::string>>& merges, ImageBuilder& image);
  // Throws DamagedImage. `cuts_at_spaces`: before every space too, for a pre-tokenizer has cut there already.
  SentencePieceCuts(const CompiledImage& image, bool cuts_at_spaces);

  // Whether a byte token merges: then its neighbours are in no pair, and no cut is sure.
  bool merges_bytes() const { return pairs_.back() != 0; }

  // The end of the unit that starts at p; p < end, well-formed.
  const uint8_t* unit_end(const uint8_t* p, const uint8_t* end) const {
    while (++p < end) {
      const size_t bit = size_t{p[-1]} << 8 | *p;
      if ((bytes_[bit >> 6] >> (bit & 63) & 1) != 0 && ((p[-1] | *p) < 0x80 || joins(p))) continue;
      if ((*p & 0xC0) != 0x80) break;
    }
    return p;
  }

 private:
  bool joins(const uint8_t* p) const;

  std::span<const uint64_t> pairs_;  // first of pairs (last byte, first byte), then of pairs of characters, hashed
  uint64_t bytes_[1024];             // the first part, with the switch applied
};

}  // namespace ayar::text
