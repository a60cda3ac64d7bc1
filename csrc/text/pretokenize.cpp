#include "text/pretokenize.hpp"

#include "text/unicode_classes.hpp"
#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

uint8_t traits_at(const uint8_t* p) {
  return char_traits(char_at(p).code_point);
}

CharClass class_at(const uint8_t* p) {
  return static_cast<CharClass>(traits_at(p) & kClassMask);
}

const uint8_t* run_end(const uint8_t* p, const uint8_t* end, CharClass wanted) {
  while (p < end && class_at(p) == wanted) p += char_bytes(*p);
  return p;
}

bool is_newline(uint8_t byte) {
  return byte == '\r' || byte == '\n';
}

const uint8_t* newlines_end(const uint8_t* p, const uint8_t* end) {
  while (p < end && is_newline(*p)) ++p;
  return p;
}

// \s+(?!\S)|\s+ at white space: a run leaves its last character to the text behind it, unless it is alone or ends the section.
const uint8_t* white_end(const uint8_t* p, const uint8_t* end) {
  const uint8_t* const stop = run_end(p, end, kWhite);
  if (stop == end) return stop;
  const uint8_t* const last = char_before(stop);
  return last == p ? stop : last;
}

// Bytes of a contraction at an apostrophe, 0 where there is none. Ignoring case, ſ (C5 BF) is an s.
int contraction_bytes(const uint8_t* p, const uint8_t* end, bool ignore_case) {
  const auto letter = [&](int at) { return end - p > at ? (ignore_case && p[at] >= 'A' && p[at] <= 'Z' ? p[at] | 0x20 : p[at]) : 0; };
  const int first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return 3;
  if (ignore_case && first == 0xC5 && second == 0xBF) return 3;
  return 0;
}

const uint8_t* gpt2_end(const uint8_t* p, const uint8_t* end) {
  if (*p == '\'') {
    if (const int bytes = contraction_bytes(p, end, false)) return p + bytes;
  }
  const uint8_t* const body = p + (*p == ' ');
  if (body < end) {
    const CharClass kind = class_at(body);
    if (kind != kWhite) return run_end(body, end, kind);
  }
  return white_end(p, end);
}

const uint8_t* llama3_end(const uint8_t* p, const uint8_t* end, int max_digits) {
  if (*p == '\'') {
    if (const int bytes = contraction_bytes(p, end, true)) return p + bytes;
  }
  const CharClass kind = class_at(p);
  const uint8_t* const second = p + char_bytes(*p);
  if (kind == kLetter) return run_end(second, end, kLetter);
  if (kind == kNumber) {
    const uint8_t* stop = second;
    for (int digits = 1; digits < max_digits && stop < end && class_at(stop) == kNumber; ++digits) stop += char_bytes(*stop);
    return stop;
  }
  if (!is_newline(*p) && second < end && class_at(second) == kLetter) return run_end(second, end, kLetter);
  if (kind == kOther) return newlines_end(run_end(second, end, kOther), end);
  if (*p == ' ' && second < end && class_at(second) == kOther) return newlines_end(run_end(second, end, kOther), end);
  const uint8_t* const run = run_end(p, end, kWhite);
  for (const uint8_t* q = run; q > p; --q) {  // \s*[\r\n]+ backs up to the last newline of the run
    if (is_newline(q[-1])) return q;
  }
  return white_end(p, end);
}

}  // namespace

const uint8_t* Pretokenizer::digits_end(const uint8_t* p, const uint8_t* end) const {
  if (digits == Digits::join) return end;
  const bool numeric = traits_at(p) & kNumeric;
  if (numeric && digits == Digits::single) return p + char_bytes(*p);
  do p += char_bytes(*p);
  while (p < end && bool(traits_at(p) & kNumeric) == numeric);
  return p;
}

const uint8_t* Pretokenizer::pattern_end(const uint8_t* p, const uint8_t* end) const {
  switch (pattern) {
    case Pattern::whole: return end;
    case Pattern::gpt2: return gpt2_end(p, end);
    case Pattern::llama3: return llama3_end(p, end, 3);
    case Pattern::qwen2: return llama3_end(p, end, 1);
  }
  return end;
}

}  // namespace ayar::text
