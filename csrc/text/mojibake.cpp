#include "text/mojibake.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

// The byte that stands for a character in one of the pages, or 0 for a character of none (or of ASCII). The pages never give one character
// two bytes, so one map serves them all.
uint8_t page_byte(char32_t code) {
  if (code < 0x80) return 0;
  if (code < 0x100) return static_cast<uint8_t>(code);
  switch (code) {
    case 0x20AC: return 0x80;
    case 0x201A: return 0x82;
    case 0x0192: return 0x83;
    case 0x201E: return 0x84;
    case 0x2026: return 0x85;
    case 0x2020: return 0x86;
    case 0x2021: return 0x87;
    case 0x02C6: return 0x88;
    case 0x2030: return 0x89;
    case 0x0160: return 0x8A;
    case 0x2039: return 0x8B;
    case 0x0152: return 0x8C;
    case 0x017D: return 0x8E;
    case 0x2018: return 0x91;
    case 0x2019: return 0x92;
    case 0x201C: return 0x93;
    case 0x201D: return 0x94;
    case 0x2022: return 0x95;
    case 0x2013: return 0x96;
    case 0x2014: return 0x97;
    case 0x02DC: return 0x98;
    case 0x2122: return 0x99;
    case 0x0161: return 0x9A;
    case 0x203A: return 0x9B;
    case 0x0153: return 0x9C;
    case 0x017E: return 0x9E;
    case 0x0178: return 0x9F;
    case 0x011E: return 0xD0;  // Ğ İ Ş ğ ı ş of the Turkish pages
    case 0x0130: return 0xDD;
    case 0x015E: return 0xDE;
    case 0x011F: return 0xF0;
    case 0x0131: return 0xFD;
    case 0x015F: return 0xFE;
    default: return 0;
  }
}

// How sure it is that a candidate is what somebody wrote. `weak` needs a strong one in the text; `likely` that, or no other letter beyond
// ASCII.
enum class Verdict : uint8_t { reject, weak, likely, strong };

// A letter of a living European language written in Latin script: what a repaired word may hold.
bool is_european_latin(char32_t c) {
  return (c >= 0xC0 && c <= 0x17F && c != 0x138 && c != 0x149 && c != 0x17F) || (c >= 0x218 && c <= 0x21B) || c == 0x18F || c == 0x259 ||
         c == 0x192 || c == 0x1A0 || c == 0x1A1 || c == 0x1AF || c == 0x1B0 || (c >= 0x1E00 && c <= 0x1EF9);
}

bool is_turkish_capital(char32_t c) {
  return c == 0xC7 || c == 0x11E || c == 0x130 || c == 0xD6 || c == 0x15E || c == 0xDC;  // Ç Ğ İ Ö Ş Ü
}

// Marks that follow a word in clean text: a letter and a few of them say nothing about the encoding.
bool closes_a_word(char32_t c) {
  return c == 0x2026 || (c >= 0x2018 && c <= 0x201D && c != 0x201A) || c == 0x2013 || c == 0x2014 || c == 0xBB || c == 0x203A || c == 0xA0;
}

// Those, and the signs that clean text puts right behind a word or a number.
bool may_trail_a_word(char32_t c) {
  constexpr char32_t kSigns[] = {0xA7, 0xAC, 0xAE, 0xB0, 0xB1, 0xB2,   0xB3,   0xB5,  0xB6,
                                 0xB9, 0xBA, 0xBC, 0xBD, 0xBE, 0x2020, 0x2021, 0x2122};
  return closes_a_word(c) || std::find(std::begin(kSigns), std::end(kSigns), c) != std::end(kSigns);
}

// What a word is followed by when its punctuation was misread: quotation marks, dashes, daggers, an ellipsis, ‰ ‹ › € ™.
bool is_common_punctuation(char32_t c) {
  return (c >= 0x2010 && c <= 0x2027) || c == 0x2030 || c == 0x2039 || c == 0x203A || c == 0x20AC || c == 0x2122;
}

bool is_c1_control(char32_t c) {
  return c >= 0x80 && c < 0xA0;
}

// A character with a byte in the pages, and where it lies in the text.
struct Char {
  char32_t code;
  uint8_t byte;
  size_t offset;
};

// The character that some of them may have meant.
struct Candidate {
  char32_t code;
  size_t first, count;  // of the Chars that it would replace; count is 0 where their bytes are not UTF-8
};

Candidate read_utf8(const std::vector<Char>& chars, size_t i) {
  char bytes[4];
  const size_t count = std::min<size_t>(4, chars.size() - i);
  for (size_t j = 0; j < count; ++j) bytes[j] = static_cast<char>(chars[i + j].byte);
  const utf8::Decoded decoded = utf8::decode(bytes, bytes + count);
  if (!decoded.valid || decoded.length < 2) return {0, i, 0};
  return {decoded.code, i, static_cast<size_t>(decoded.length)};
}

struct Neighbours {
  char32_t before2, before, after;  // 0: the text ends there
};

Verdict judge_latin(char32_t c, std::u32string_view continuation, const Neighbours& word) {
  const Kind kind = kind_of(c), before = kind_of(word.before), before2 = kind_of(word.before2), after = kind_of(word.after);
  if (!is_european_latin(c)) return Verdict::reject;
  if (is_letter(before) && script_of(word.before) != Script::latin) return Verdict::reject;
  if (is_letter(after) && script_of(word.after) != Script::latin) return Verdict::reject;
  const bool has_control = std::any_of(continuation.begin(), continuation.end(), is_c1_control);
  const bool is_everyday = c <= 0x17F;  // Latin-1 and Latin Extended-A: two bytes, a lead of Ã Ä Å
  if (kind == Kind::lower) {
    if (before == Kind::upper && before2 == Kind::upper) return Verdict::reject;  // ÉTÉ° is not ÉTɰ, nor MAÇÃ» MAÇû
    if (after == Kind::upper) return Verdict::weak;
    if (has_control || after == Kind::lower) return Verdict::strong;
    if (before == Kind::lower && is_everyday) return Verdict::strong;
    return is_everyday ? Verdict::likely : Verdict::weak;  // LÉ™
  }
  if (before == Kind::lower) return Verdict::reject;
  // A small letter among capitals (BAÄžI) is nobody's spelling.
  const bool mixes_case = (before == Kind::upper || after == Kind::upper) && kind_of(continuation.back()) == Kind::lower;
  if (has_control || mixes_case) return Verdict::strong;
  if (after == Kind::lower) return before == Kind::upper && before2 == Kind::upper ? Verdict::weak : Verdict::strong;
  // Ã– among capitals may be a letter and a dash, Ä° behind them a letter and a degree sign.
  if (is_letter(after) || is_turkish_capital(c)) return Verdict::likely;
  return is_everyday && !may_trail_a_word(continuation.back()) ? Verdict::likely : Verdict::reject;
}

Verdict judge_other_script(char32_t c, const Neighbours& word) {
  const Script script = script_of(c);
  if (script == Script::none) return Verdict::reject;
  bool has_company = false;
  for (const char32_t neighbour : {word.before, word.after}) {
    if (!is_letter(kind_of(neighbour))) continue;
    if (script_of(neighbour) != script) return Verdict::reject;  // never a word of two scripts
    has_company = true;
  }
  return has_company ? Verdict::strong : Verdict::weak;
}

Verdict judge_symbol(char32_t c, std::u32string_view continuation, const Neighbours& word) {
  if (continuation.size() > 2) return Verdict::strong;
  if (continuation.size() == 2) {
    if (std::all_of(continuation.begin(), continuation.end(), closes_a_word)) return Verdict::weak;  // hâlâ…” is no fraction
    const bool is_sure = !is_letter(kind_of(word.before)) || is_common_punctuation(c) || is_c1_control(continuation[0]);
    return is_sure ? Verdict::strong : Verdict::weak;  // nor hâlâ•• a box
  }
  if (is_c1_control(continuation[0])) return Verdict::strong;
  if (c > 0xBF) return Verdict::reject;
  return kind_of(word.before) == Kind::upper ? Verdict::weak : Verdict::strong;  // HÂLÂ° against 25Â°
}

Verdict judge(char32_t c, std::u32string_view continuation, const Neighbours& word) {
  const Kind kind = kind_of(c);
  if (kind == Kind::unassigned || is_c1_control(c)) return Verdict::reject;
  if (kind == Kind::mark && c != 0xFE0F) {
    return script_of(word.before) == script_of(c) && script_of(c) != Script::none ? Verdict::strong : Verdict::reject;
  }
  if (!is_letter(kind) || c < 0xC0) return judge_symbol(c, continuation, word);
  return script_of(c) == Script::latin ? judge_latin(c, continuation, word) : judge_other_script(c, word);
}

// A stretch of the text and what it should read.
struct Repair {
  size_t begin, end;
  std::string replacement;
  Verdict verdict;
  Script script;  // of a letter that is not Latin, else none
};

class Repairer {
 public:
  explicit Repairer(std::string_view text) : text_(text) {}

  bool run(std::string& out) {
    collect();
    out.clear();
    size_t copied = 0;
    bool changed = false;
    for (const Repair& repair : repairs_) {
      if (!accepts(repair)) continue;
      changed = true;
      out += text_.substr(copied, repair.begin - copied);
      out += repair.replacement;
      copied = repair.end;
    }
    out += text_.substr(copied);
    return changed;
  }

 private:
  bool accepts(const Repair& repair) const {
    if (repair.verdict == Verdict::strong) return true;
    if (repair.script != Script::none) return (strong_scripts_ >> static_cast<int>(repair.script) & 1) != 0;
    return any_strong_ || (repair.verdict == Verdict::likely && !has_other_letters_);
  }

  // Walks over the text; a run of characters that have a page byte is cut into groups of adjacent candidates.
  void collect() {
    const char* const begin = text_.data();
    const char* const end = begin + text_.size();
    std::vector<Char> run;
    char32_t before2 = 0, before = 0;
    for (const char* p = begin; p < end;) {
      if (static_cast<uint8_t>(*p) < 0x80) {
        before2 = before;
        before = static_cast<char32_t>(*p++);
        continue;
      }
      const utf8::Decoded next = utf8::decode(p, end);
      const uint8_t byte = page_byte(next.code);
      if (byte == 0) {
        if (is_letter(kind_of(next.code))) has_other_letters_ = true;
        before2 = before;
        before = next.code;
        p += next.length;
        continue;
      }
      run.clear();
      const char* q = p;
      char32_t after = 0;
      while (q < end) {
        const utf8::Decoded c = utf8::decode(q, end);
        after = c.code;
        const uint8_t b = page_byte(c.code);
        if (b == 0) break;
        run.push_back({c.code, b, static_cast<size_t>(q - begin)});
        q += c.length;
        after = 0;
      }
      run_end_ = static_cast<size_t>(q - begin);
      cut_into_groups(run, {before2, before, after});
      before2 = run.size() > 1 ? run[run.size() - 2].code : before;
      before = run.back().code;
      p = q;
    }
  }

  void cut_into_groups(const std::vector<Char>& run, Neighbours around) {
    std::vector<Candidate> group;
    for (size_t i = 0; i < run.size();) {
      group.clear();
      const size_t first = i;
      while (i < run.size()) {
        const Candidate candidate = read_utf8(run, i);
        if (candidate.count == 0) break;
        group.push_back(candidate);
        i += candidate.count;
      }
      if (!group.empty()) {
        Neighbours word = around;
        if (first > 0) word.before = run[first - 1].code;
        if (first > 1) word.before2 = run[first - 2].code;
        if (first == 1) word.before2 = around.before;
        if (i < run.size()) word.after = run[i].code;
        judge_group(run, group, word, i < run.size() ? run[i].offset : run_end_);
      }
      if (i < run.size()) {
        if (is_letter(kind_of(run[i].code))) has_other_letters_ = true;
        ++i;
      }
    }
  }

  void judge_group(const std::vector<Char>& run, const std::vector<Candidate>& group, const Neighbours& around, size_t end) {
    const size_t begin = run[group.front().first].offset;
    if (repair_deeper(group, around, begin, end, 2)) return;
    for (size_t i = 0; i < group.size(); ++i) {
      const Verdict verdict = judge_one(run, group, i, around);
      if (verdict == Verdict::reject) {
        has_other_letters_ = has_other_letters_ || is_letter(kind_of(run[group[i].first].code));
        continue;
      }
      const size_t behind = group[i].first + group[i].count;
      Repair repair{run[group[i].first].offset, i + 1 < group.size() ? run[behind].offset : end, {}, verdict, other_script(group[i].code)};
      utf8::append(repair.replacement, group[i].code);
      add(std::move(repair));
    }
  }

  // Text that was misread more than once: the whole group, read as UTF-8, must again be made of page bytes that are UTF-8. The deepest
  // reading in which everything fits wins.
  bool repair_deeper(const std::vector<Candidate>& group, const Neighbours& around, size_t begin, size_t end, int depth) {
    std::vector<Char> chars;
    for (const Candidate& candidate : group) {
      const uint8_t byte = page_byte(candidate.code);
      if (byte == 0) return false;
      chars.push_back({candidate.code, byte, 0});
    }
    std::vector<Candidate> deeper;
    for (size_t i = 0; i < chars.size(); i += deeper.back().count) {
      deeper.push_back(read_utf8(chars, i));
      if (deeper.back().count == 0) return false;
    }
    if (depth < kDeepest && repair_deeper(deeper, around, begin, end, depth + 1)) return true;
    Repair repair{begin, end, {}, Verdict::strong, Script::none};
    for (size_t i = 0; i < deeper.size(); ++i) {
      if (judge_one(chars, deeper, i, around) == Verdict::reject) return false;
      utf8::append(repair.replacement, deeper[i].code);
    }
    add(std::move(repair));
    return true;
  }

  static Verdict judge_one(const std::vector<Char>& chars, const std::vector<Candidate>& group, size_t i, const Neighbours& around) {
    Neighbours word;
    word.before = i > 0 ? group[i - 1].code : around.before;
    word.before2 = i > 1 ? group[i - 2].code : i == 1 ? around.before : around.before2;
    word.after = i + 1 < group.size() ? group[i + 1].code : around.after;
    char32_t continuation[3];
    const size_t count = group[i].count - 1;
    for (size_t j = 0; j < count; ++j) continuation[j] = chars[group[i].first + 1 + j].code;
    return judge(group[i].code, {continuation, count}, word);
  }

  static Script other_script(char32_t code) {
    const Script script = script_of(code);
    return script == Script::latin ? Script::none : script;
  }

  void add(Repair repair) {
    if (repair.verdict == Verdict::strong) {
      any_strong_ = true;
      strong_scripts_ |= 1u << static_cast<int>(repair.script);
    }
    repairs_.push_back(std::move(repair));
  }

  static constexpr int kDeepest = 4;

  std::string_view text_;
  size_t run_end_ = 0;
  std::vector<Repair> repairs_;
  bool any_strong_ = false, has_other_letters_ = false;
  uint32_t strong_scripts_ = 0;
};

bool has_candidate(std::string_view text) {
  const char* const end = text.data() + text.size();
  const char* last_end = nullptr;
  char32_t before = 0;
  for (const char* p = text.data(); (p = utf8::skip_ascii(p, end)) < end;) {
    const utf8::Decoded next = utf8::decode(p, end);
    if (p == last_end && starts_mojibake(before, next.code)) return true;
    before = next.code;
    p += next.length;
    last_end = p;
  }
  return false;
}

}  // namespace

bool starts_mojibake(char32_t first, char32_t second) {
  const uint8_t lead = page_byte(first), continuation = page_byte(second);
  return lead >= 0xC2 && lead <= 0xF4 && continuation >= 0x80 && continuation <= 0xBF;
}

bool repair_mojibake(std::string_view text, std::string& out) {
  if (!has_candidate(text)) return false;
  if (!Repairer(text).run(out)) return false;
  // A repaired neighbour can settle what was doubtful before. More rounds than this take hostile text.
  std::string again;
  for (int round = 1; round < 8 && has_candidate(out) && Repairer(out).run(again); ++round) out.swap(again);
  return true;
}

}  // namespace ayar
