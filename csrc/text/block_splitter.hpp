// The known pre-tokenizers as algebra over 64-byte blocks: masks of classes, one bit a byte, in; the starts of pre-tokens out.
// A block that holds something rare (white space that is not ASCII, a mark in o200k, ...) is left to the plain version in pretokenize.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "text/block_masks.hpp"
#include "text/pretokenize.hpp"

namespace ayar::text {

enum class Family : uint8_t { gpt2, smollm, llama3, qwen2, o200k, tekken, deepseek };

// The family whose cuts these are, where there is one.
std::optional<Family> family_of(const std::vector<Cut>& cuts);

class BlockSplitter {
 public:
  BlockSplitter(Family family, AsciiMasksOf ascii_masks);

  // Calls flush(ends, count) for the ends of the pre-tokens of [begin, end), in order, as offsets from begin; a well-formed text of at
  // most 512 MiB. `ends` has room for kEnds.
  static constexpr size_t kEnds = 256;  // their keys and hashes stay in the first cache
  using Flush = void (*)(void* context, const uint32_t* ends, size_t count);
  void split(const uint8_t* begin, const uint8_t* end, uint32_t* ends, void* context, Flush flush) const {
    (this->*split_)(begin, end, ends, context, flush);
  }

 private:
  template <Family family>
  void split_as(const uint8_t* begin, const uint8_t* end, uint32_t* ends, void* context, Flush flush) const;

  using Split = void (BlockSplitter::*)(const uint8_t*, const uint8_t*, uint32_t*, void*, Flush) const;
  AsciiMasksOf ascii_masks_;
  Split split_;
};

}  // namespace ayar::text
