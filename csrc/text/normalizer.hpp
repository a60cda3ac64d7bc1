// Normalizers of a tokenizer.json, as `tokenizers` applies them: the tables are the wheel's own (generate_normalizer_tables.py).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/normalizer_aligned.hpp"

namespace ayar::text {

enum class Normal : uint8_t {
  nfc,
  nfd,
  nfkc,
  nfkd,
  lowercase,
  strip_left,
  strip_right,
  strip_both,
  strip_accents,    // drops combining marks
  replace,          // pattern → content
  collapse_spaces,  // two or more U+0020 → content
  prepend,          // content, before any text that is not empty
  bert_clean,       // controls dropped, white space → U+0020
  bert_ideographs,  // a space on both sides of each
  bert_accents,     // NFD, then marks dropped
};

struct NormalStep {
  Normal kind;
  std::string pattern = {}, content = {};
};

class Normalizer {
 public:
  Normalizer() = default;
  explicit Normalizer(std::vector<NormalStep> steps) : steps_(std::move(steps)) {}

  bool empty() const { return steps_.empty(); }
  const std::vector<NormalStep>& steps() const { return steps_; }
  void apply(AlignedText& text) const;
  std::string apply(std::string_view text) const;

 private:
  std::vector<NormalStep> steps_;
};

// False where NFC leaves a text as it is, without a look at more than one character at a time; true where it may not.
bool may_change_in_nfc(std::string_view text);

// Bits of normal_traits: what BERT's normalizer and pre-tokenizer think of a character.
enum NormalTrait : uint8_t {
  kBertRemoved = 1,
  kBertSpaced = 2,
  kBertMark = 4,
  kIdeograph = 8,
  kPunctuation = 16,
  kRustWhite = 32,
  kCombiningMark = 64,
};
uint8_t normal_traits(char32_t code);

}  // namespace ayar::text
