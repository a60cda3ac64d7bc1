// Pre-tokenizers as `tokenizers` chains them: each step cuts every piece of the step before it, and may change it. The slow and general
// way, which follows where each byte came from; a text that only needs ids mostly takes the fast one (encoder.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/normalizer_aligned.hpp"
#include "text/pretokenize.hpp"

namespace ayar::text {

enum class StepKind : uint8_t {
  cut,         // one of the known patterns; matches and what stands between them are pieces
  byte_level,  // prefix_space: U+0020 before a piece that does not start with one
  metaspace,   // U+0020 → ▁, ▁ before the piece (prepend), cut before each ▁ where `splits`
  whitespace_split,
  words,  // \w+|[^\w\s]+, white space dropped
  bert,   // white space dropped, punctuation alone
  punctuation,
  literal,  // `pattern` as it stands
};

enum class Behavior : uint8_t { isolated, removed, merged_with_previous, merged_with_next, contiguous };
enum class Prepend : uint8_t { never, first, always };

struct SplitStep {
  StepKind kind = StepKind::cut;
  Cut cut = Cut::gpt2;
  Behavior behavior = Behavior::isolated;
  Prepend prepend = Prepend::never;
  bool splits = false;
  bool prefix_space = false;
  std::string pattern = {};

  bool operator==(const SplitStep&) const = default;
};

// The pieces of a section, none of them empty.
std::vector<AlignedText> split_pieces(const std::vector<SplitStep>& steps, AlignedText section);

}  // namespace ayar::text
