// Where a text is cut before any merge: GPT-2's pattern and its descendants, as `tokenizers` applies them (with Oniguruma) to one section.
// This is the plain version, one character after the other; pretokenize_blocks.hpp must agree with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ayar::text {

// One step: it cuts what the step before it left. What matches is a piece, and so is what stands between two matches.
enum class Cut : uint8_t {
  digit_runs,      // Digits: numeric characters together
  digits_single,   // Digits: each alone
  number_triples,  // \p{N}{1,3}
  number_single,   // \p{N}
  cjk_runs,        // [一-龥぀-ゟ゠-ヿ]+
  gpt2,            // '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  llama3,          // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  qwen2,           // the same with \p{N} alone
  o200k,           // words cut where a capital follows a small letter, with a contraction behind; \p{N}{1,3}; slashes behind punctuation
  tekken,          // the same without contractions and with \p{N} alone
  deepseek,        // [!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
};

// The end of the piece that starts at p; p < end, [p, end) is well-formed and ends where the lookahead of the pattern ends.
const uint8_t* piece_end(Cut cut, const uint8_t* p, const uint8_t* end);

struct Pretokenizer {
  std::vector<Cut> cuts = {};  // none: a section is one piece

  template <class OnPiece>
  void split(const uint8_t* p, const uint8_t* end, OnPiece&& on_piece, size_t step = 0) const {
    if (step == cuts.size()) {
      if (p < end) on_piece(p, end);
      return;
    }
    while (p < end) {
      const uint8_t* const stop = piece_end(cuts[step], p, end);
      split(p, stop, on_piece, step + 1);
      p = stop;
    }
  }
};

}  // namespace ayar::text
