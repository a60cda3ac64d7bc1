// Where a text is cut before any merge: GPT-2's pattern and its descendants, as `tokenizers` applies them (with Oniguruma) to one section.
// This is the plain version, one character after the other; window_splitter.hpp must agree with it.
#pragma once

#include <cstdint>

namespace ayar::text {

enum class Digits : uint8_t { join, runs, single };  // the pre-tokenizer Digits before the pattern: absent, individual_digits false or true

enum class Pattern : uint8_t {
  whole,   // no pattern: a section is one pre-token
  gpt2,    // '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  llama3,  // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  qwen2,   // the same with \p{N} alone
};

struct Pretokenizer {
  Digits digits = Digits::join;
  Pattern pattern = Pattern::gpt2;

  // The end of the piece that Digits cuts at p; its text end is what the pattern's lookahead sees.
  const uint8_t* digits_end(const uint8_t* p, const uint8_t* end) const;
  // The end of the pre-token that starts at p; p < end, and [p, end) is well-formed.
  const uint8_t* pattern_end(const uint8_t* p, const uint8_t* end) const;

  template <class OnPiece>
  void split(const uint8_t* p, const uint8_t* end, OnPiece&& on_piece) const {
    while (p < end) {
      const uint8_t* const limit = digits_end(p, end);
      while (p < limit) {
        const uint8_t* const stop = pattern_end(p, limit);
        on_piece(p, stop);
        p = stop;
      }
    }
  }
};

}  // namespace ayar::text
