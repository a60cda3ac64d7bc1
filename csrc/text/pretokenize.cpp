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

const uint8_t* next_char(const uint8_t* p) {
  return p + char_bytes(*p);
}

template <class Matches>
const uint8_t* run_end(const uint8_t* p, const uint8_t* end, Matches&& matches) {
  while (p < end && matches(p)) p = next_char(p);
  return p;
}

const uint8_t* run_end(const uint8_t* p, const uint8_t* end, CharClass wanted) {
  return run_end(p, end, [wanted](const uint8_t* q) { return class_at(q) == wanted; });
}

bool is_newline(uint8_t byte) {
  return byte == '\r' || byte == '\n';
}

const uint8_t* newlines_end(const uint8_t* p, const uint8_t* end, bool slashes = false) {
  while (p < end && (is_newline(*p) || (slashes && *p == '/'))) ++p;
  return p;
}

const uint8_t* numbers_end(const uint8_t* p, const uint8_t* end, int most) {
  for (; most > 0 && p < end && class_at(p) == kNumber; --most) p = next_char(p);
  return p;
}

// \s+(?!\S)|\s+ at white space: a run leaves its last character to the text behind it, unless it is alone or ends the section.
const uint8_t* white_end(const uint8_t* p, const uint8_t* end) {
  const uint8_t* const stop = run_end(p, end, kWhite);
  if (stop == end) return stop;
  const uint8_t* const last = char_before(stop);
  return last == p ? stop : last;
}

// \s*[\r\n]+|\s+(?!\S)|\s+: the first backs up to the last newline of the run.
const uint8_t* white_or_newlines_end(const uint8_t* p, const uint8_t* end) {
  const uint8_t* const run = run_end(p, end, kWhite);
  for (const uint8_t* q = run; q > p; --q) {
    if (is_newline(q[-1])) return q;
  }
  return white_end(p, end);
}

// Bytes of a contraction at an apostrophe, 0 where there is none. Ignoring case, ſ (C5 BF) is an s.
int contraction_bytes(const uint8_t* p, const uint8_t* end, bool ignore_case) {
  const auto letter = [&](int at) { return end - p > at ? (ignore_case && p[at] >= 'A' && p[at] <= 'Z' ? p[at] | 0x20 : p[at]) : 0; };
  if (letter(0) != '\'') return 0;
  const int first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return 3;
  if (ignore_case && first == 0xC5 && second == 0xBF) return 3;
  return 0;
}

const uint8_t* gpt2_end(const uint8_t* p, const uint8_t* end) {
  if (const int bytes = contraction_bytes(p, end, false)) return p + bytes;
  const uint8_t* const body = p + (*p == ' ');
  if (body < end) {
    const CharClass kind = class_at(body);
    if (kind != kWhite) return run_end(body, end, kind);
  }
  return white_end(p, end);
}

const uint8_t* llama3_end(const uint8_t* p, const uint8_t* end, int max_digits) {
  if (const int bytes = contraction_bytes(p, end, true)) return p + bytes;
  const CharClass kind = class_at(p);
  const uint8_t* const second = next_char(p);
  if (kind == kLetter) return run_end(second, end, kLetter);
  if (kind == kNumber) return numbers_end(p, end, max_digits);
  if (!is_newline(*p) && second < end && class_at(second) == kLetter) return run_end(second, end, kLetter);
  if (kind == kOther) return newlines_end(run_end(second, end, kOther), end);
  if (*p == ' ' && second < end && class_at(second) == kOther) return newlines_end(run_end(second, end, kOther), end);
  return white_or_newlines_end(p, end);
}

bool may_be_upper(const uint8_t* p) {  // Lu Lt Lm Lo M
  const uint8_t traits = traits_at(p);
  return (traits & kMark) != 0 || ((traits & kClassMask) == kLetter && (traits & kLower) == 0);
}

bool may_be_lower(const uint8_t* p) {  // Ll Lm Lo M
  const uint8_t traits = traits_at(p);
  return (traits & kMark) != 0 || ((traits & kClassMask) == kLetter && (traits & kUpper) == 0);
}

// upper*lower+; p itself where it does not match. Characters of both kinds make it back up.
const uint8_t* lower_word_end(const uint8_t* p, const uint8_t* end) {
  const uint8_t* const capitals = run_end(p, end, may_be_upper);
  if (capitals < end && may_be_lower(capitals)) return run_end(capitals, end, may_be_lower);
  for (const uint8_t* q = capitals; q > p;) {
    q = char_before(q);
    if (may_be_lower(q)) return run_end(q, end, may_be_lower);
  }
  return p;
}

const uint8_t* o200k_word_end(const uint8_t* p, const uint8_t* end) {
  const CharClass kind = class_at(p);
  const bool is_prefix = kind != kLetter && kind != kNumber && !is_newline(*p);
  const uint8_t* const second = next_char(p);
  if (is_prefix && lower_word_end(second, end) != second) return lower_word_end(second, end);
  if (lower_word_end(p, end) != p) return lower_word_end(p, end);
  // upper+lower*: no small letter and no letter of both kinds follows, or the above had matched
  const uint8_t* const capitals = is_prefix ? second : p;
  const uint8_t* const stop = run_end(capitals, end, may_be_upper);
  return stop == capitals ? p : stop;
}

const uint8_t* o200k_end(const uint8_t* p, const uint8_t* end, bool contractions, int max_digits) {
  const uint8_t* const word = o200k_word_end(p, end);
  if (word > p) return word + (contractions ? contraction_bytes(word, end, true) : 0);
  if (class_at(p) == kNumber) return numbers_end(p, end, max_digits);
  const uint8_t* const body = p + (*p == ' ');
  if (body < end && class_at(body) == kOther) return newlines_end(run_end(body, end, kOther), end, true);
  return white_or_newlines_end(p, end);
}

bool is_letter_or_mark(const uint8_t* p) {
  const uint8_t traits = traits_at(p);
  return (traits & kClassMask) == kLetter || (traits & kMark) != 0;
}

bool is_punct(const uint8_t* p) {
  return (traits_at(p) & kPunct) != 0;
}

bool is_ascii_letter(uint8_t byte) {
  return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

// The end of the match that starts at p, or p where nothing matches there.
const uint8_t* deepseek_match_end(const uint8_t* p, const uint8_t* end) {
  const uint8_t* const second = next_char(p);
  const bool punct = is_punct(p);
  if (punct && *p < 0x80 && second < end && is_ascii_letter(*second)) {
    return run_end(second, end, [](const uint8_t* q) { return is_ascii_letter(*q); });
  }
  if (!punct && class_at(p) != kLetter && !is_newline(*p) && second < end && is_letter_or_mark(second)) {
    return run_end(second, end, is_letter_or_mark);
  }
  if (is_letter_or_mark(p)) return run_end(p, end, is_letter_or_mark);
  const uint8_t* const body = p + (*p == ' ');
  if (body < end && is_punct(body)) return newlines_end(run_end(body, end, is_punct), end);
  return class_at(p) == kWhite ? white_or_newlines_end(p, end) : p;
}

const uint8_t* deepseek_end(const uint8_t* p, const uint8_t* end) {
  const uint8_t* const stop = deepseek_match_end(p, end);
  if (stop != p) return stop;
  const uint8_t* gap = next_char(p);  // characters that nothing matches stay together
  while (gap < end && deepseek_match_end(gap, end) == gap) gap = next_char(gap);
  return gap;
}

bool is_cjk(const uint8_t* p) {
  const uint32_t c = char_at(p).code_point;
  return (c >= 0x4E00 && c <= 0x9FA5) || (c >= 0x3040 && c <= 0x30FF);
}

// A run of characters of one kind: [p, stop) where `matches` does not change.
template <class Matches>
const uint8_t* kind_end(const uint8_t* p, const uint8_t* end, Matches&& matches) {
  const bool kind = matches(p);
  return run_end(p, end, [&](const uint8_t* q) { return matches(q) == kind; });
}

bool is_numeric(const uint8_t* p) {
  return (traits_at(p) & kNumeric) != 0;
}

bool is_number(const uint8_t* p) {
  return class_at(p) == kNumber;
}

}  // namespace

const uint8_t* piece_end(Cut cut, const uint8_t* p, const uint8_t* end) {
  switch (cut) {
    case Cut::digit_runs: return kind_end(p, end, is_numeric);
    case Cut::digits_single: return is_numeric(p) ? next_char(p) : kind_end(p, end, is_numeric);
    case Cut::number_triples: return is_number(p) ? numbers_end(p, end, 3) : kind_end(p, end, is_number);
    case Cut::number_single: return is_number(p) ? next_char(p) : kind_end(p, end, is_number);
    case Cut::cjk_runs: return kind_end(p, end, is_cjk);
    case Cut::gpt2: return gpt2_end(p, end);
    case Cut::llama3: return llama3_end(p, end, 3);
    case Cut::qwen2: return llama3_end(p, end, 1);
    case Cut::o200k: return o200k_end(p, end, true, 3);
    case Cut::tekken: return o200k_end(p, end, false, 1);
    case Cut::deepseek: return deepseek_end(p, end);
  }
  return end;
}

}  // namespace ayar::text
