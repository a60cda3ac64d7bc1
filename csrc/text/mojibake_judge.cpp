#include "text/mojibake_judge.hpp"

#include <algorithm>
#include <initializer_list>
#include <iterator>

#include "text/code_points.hpp"

namespace ayar {
namespace {

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

// What a word is followed by when its punctuation was misread: quotation marks, dashes, daggers, an ellipsis, ‰ ‹ › € ™.
bool is_common_punctuation(char32_t c) {
  return (c >= 0x2010 && c <= 0x2027) || c == 0x2030 || c == 0x2039 || c == 0x203A || c == 0x20AC || c == 0x2122;
}

// Signs that clean text does not put behind another sign.
bool opens_something(char32_t c) {
  return c == 0xAB || c == 0x2039 || c == 0xA1 || c == 0xBF || c == 0x201E || c == 0x201A || (c >= 0xA2 && c <= 0xA6) || c == 0xA8 ||
         c == 0xAF || c == 0xB4 || c == 0xB8;
}

bool is_c1_control(char32_t c) {
  return c >= 0x80 && c < 0xA0;
}

// Marks that close a word in any text. The other marks of Windows-1252 seldom follow a word in capitals.
bool closes_capitals(char32_t c) {
  return c == 0x2026 || c == 0x2018 || c == 0x2019 || c == 0x201D || c == 0x2013 || c == 0x2014;
}

bool ends_with_one_of(std::u32string_view word, std::initializer_list<std::u32string_view> endings) {
  return std::any_of(endings.begin(), endings.end(), [word](std::u32string_view ending) { return word.ends_with(ending); });
}

bool is_one_of(std::u32string_view word, std::initializer_list<std::u32string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Words in capitals that end in the lead of a misread letter: Portuguese (and carelessly typed Romanian) -Ã, Swedish -Å and -Ä. `word` is
// what stands before the lead.
bool may_end_in(char32_t lead, std::u32string_view word) {
  if (word.empty()) return true;
  if (lead == 0xC3) {
    if (word.size() == 1) return std::u32string_view(U"CFHLMNRSV").find(word[0]) != std::u32string_view::npos;
    return is_one_of(word, {U"IRM",    U"COIRM",  U"GR",      U"CL",    U"ECR",     U"ISL",     U"VIL",    U"SUTI",  U"CIDAD", U"CAMPE",
                            U"VIETN",  U"TEER",   U"MARACAN", U"CAPIT", U"AMSTERD", U"AN",      U"DIV",    U"IM",    U"ÍM",    U"ÓRF",
                            U"PAG",    U"SAT",    U"TIT",     U"XAM",   U"TALISM",  U"GUARDI",  U"ALDE",   U"ARTES", U"BRET",  U"SULT",
                            U"TECEL",  U"AVEL",   U"GAL",     U"ESPI",  U"ESCRIV",  U"ANFITRI", U"PONC",   U"AFEG",  U"FAIS",  U"CATAL",
                            U"CASTEL", U"CORTES", U"DAC",     U"DUP",   U"PÂN",     U"FÃR",     U"ACEAST", U"DOU",   U"IR"}) ||
           ends_with_one_of(word, {U"MANH", U"LEM", U"RIST", U"ORTEL", U"MAÇ", U"ROM", U"CANC"});
  }
  if (lead == 0xC4) return is_one_of(word, {U"D", U"H", U"N", U"F", U"L", U"KL", U"TR", U"KN", U"BL", U"SP", U"NÄH", U"NÄ", U"SLAGTR"});
  if (lead != 0xC5) return false;
  if (std::u32string_view(U"FGHNPRVXÅ").find(word.back()) != std::u32string_view::npos) return true;
  return is_one_of(word, {U"S",    U"D",   U"M",    U"T",    U"L",    U"OCKS", U"ALLTS", U"LIKAS",     U"ASS",       U"JASS",    U"DÅS",
                          U"JAS",  U"JOD", U"JAD",  U"HEJD", U"NEJD", U"OJD",  U"ÄND",   U"END",       U"FÖRM",      U"SM",      U"BL",
                          U"HALL", U"VAD", U"VADD", U"UME",  U"LULE", U"PITE", U"TORNE", U"ÖVERTORNE", U"SKELLEFTE", U"SOLLEFTE"}) ||
         ends_with_one_of(word, {U"ST", U"SL"});
}

// Capitals of C4 80 to C4 BF that words end in.
bool is_everyday_end(char32_t c) {
  return std::u32string_view(U"ĀĂĄĆČĎĐĒĖĘĚĞĢĪĮİĶ").find(c) != std::u32string_view::npos;
}

Verdict judge_latin(char32_t c, char32_t lead, std::u32string_view continuation, const Neighbours& around) {
  const Kind kind = kind_of(c), before = kind_of(around.before), before2 = kind_of(around.before2), after = kind_of(around.after);
  if (!is_european_latin(c)) return Verdict::reject;
  if (is_letter(before) && script_of(around.before) != Script::latin) return Verdict::reject;
  if (is_letter(after) && script_of(around.after) != Script::latin) return Verdict::reject;
  const bool has_control = std::any_of(continuation.begin(), continuation.end(), is_c1_control);
  const bool is_everyday = c <= 0x17F;  // Latin-1 and Latin Extended-A: two bytes, a lead of Ã Ä Å
  if (kind == Kind::lower) {
    if (before == Kind::upper && before2 == Kind::upper) return Verdict::reject;  // ÉTÉ° is not ÉTɰ, nor MAÇÃ» MAÇû
    // A sign between two letters of a word in capitals: LÃ³PEZ, as if its letter had been left small.
    if (after == Kind::upper) return before == Kind::upper && !is_letter(kind_of(continuation.back())) ? Verdict::likely : Verdict::weak;
    if (has_control || after == Kind::lower) return Verdict::strong;
    if (before == Kind::lower) return is_everyday || (c >= 0x218 && c <= 0x21B) ? Verdict::strong : Verdict::weak;
    if (around.word.empty() || may_end_in(lead, around.word)) return Verdict::weak;  // FÃ³ and Å• may be a letter and a sign
    return is_everyday ? Verdict::likely : Verdict::weak;                            // LÉ™
  }
  if (before == Kind::lower) return Verdict::reject;
  // A small letter among capitals (BAÄžI) is nobody's spelling.
  const bool mixes_case = (before == Kind::upper || after == Kind::upper) && kind_of(continuation.back()) == Kind::lower;
  if (has_control || mixes_case) return Verdict::strong;
  if (after == Kind::lower) {
    if (before == Kind::upper && before2 == Kind::upper) return Verdict::weak;
    return lead == 0xC3 && continuation[0] == 0x2019 && !is_letter(before) ? Verdict::weak : Verdict::strong;  // Ã’s
  }
  const bool is_space = continuation.back() == 0xA0;  // a no-break space, unless Š was meant: NAÅ EHO, but not PÅ EN
  if (is_letter(after) && (!is_space || (lead == 0xC5 && !may_end_in(lead, around.word)))) return Verdict::likely;
  // At the end of a word in capitals it may be a letter and a sign: MANHÃ‰, TVÅ½.
  if (lead == 0xC6 || may_end_in(lead, around.word)) return Verdict::weak;
  if (is_turkish_capital(c)) return Verdict::likely;
  if (lead == 0xC4 && !is_everyday_end(c)) return Verdict::weak;
  return !closes_capitals(continuation.back()) ? Verdict::likely : Verdict::reject;
}

// A character that somebody may have written: no letter of a dead script, no phonetic sign, nothing unassigned.
bool is_everyday_character(char32_t c) {
  if (c >= 0xA0 && c <= 0x24F) return c < 0x180 || is_european_latin(c);
  return (c >= 0x2C6 && c <= 0x2DC) || c == 0x386 || (c >= 0x388 && c <= 0x3CE) || (c >= 0x400 && c <= 0x45F) || c == 0x490 || c == 0x491 ||
         (c >= 0x5D0 && c <= 0x5EA) || (c >= 0x621 && c <= 0x652) || (c >= 0x67E && c <= 0x6CC) || (c >= 0x900 && c <= 0xE5B) ||
         (c >= 0x1EA0 && c <= 0x1EF9) || (c >= 0x2010 && c <= 0x205E) || (c >= 0x20A0 && c <= 0x20BF) || c == 0x2116 || c == 0x2122 ||
         (c >= 0x2190 && c <= 0x27BF) || (c >= 0x3000 && c <= 0x30FF) || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xFB01 && c <= 0xFB02) || (c >= 0x1F300 && c <= 0x1FAFF) || c == 0xFE0F || c == 0xFEFF || c == 0xFFFD;
}

Verdict judge_other_script(char32_t c, std::u32string_view continuation, const Neighbours& around) {
  const Script script = script_of(c);
  if (script == Script::none) return Verdict::reject;
  bool has_company = false;
  for (const char32_t neighbour : {around.before, around.after}) {
    if (!is_letter(kind_of(neighbour))) continue;
    if (script_of(neighbour) != script) return Verdict::reject;  // never a word of two scripts
    has_company = true;
  }
  // A letter by itself: its misread form must be nobody's.
  const bool has_control = std::any_of(continuation.begin(), continuation.end(), is_c1_control);
  const bool is_closed = std::all_of(continuation.begin(), continuation.end(), closes_a_word);
  const bool is_sure = has_control || (continuation.size() > 1 && !is_closed && continuation[0] != continuation[1]);
  return has_company || (is_sure && is_everyday_character(c)) ? Verdict::strong : Verdict::weak;
}

Verdict judge_symbol(char32_t c, std::u32string_view continuation, const Neighbours& around) {
  if (continuation.size() > 2) return Verdict::strong;
  if (continuation.size() == 2) {
    if (std::all_of(continuation.begin(), continuation.end(), closes_a_word)) return Verdict::weak;  // hâlâ…” is no fraction
    const bool is_sure = !is_letter(kind_of(around.before)) || is_common_punctuation(c) || is_c1_control(continuation[0]) ||
                         (c >= 0x2190 && c < 0x27C0 && continuation[0] != continuation[1] && opens_something(continuation[1])) ||
                         (c >= 0x3000 && c < 0x3040) || (c >= 0xFF00 && c < 0xFF66);
    return is_sure ? Verdict::strong : Verdict::weak;  // nor hâlâ•• a box
  }
  if (is_c1_control(continuation[0])) return Verdict::strong;
  if (c > 0xBF) return Verdict::reject;
  if (around.before == 0 && around.after == 0) return Verdict::weak;               // Â and a sign are all there is
  return kind_of(around.before) == Kind::upper ? Verdict::weak : Verdict::strong;  // HÂLÂ° against 25Â°
}

bool is_word_sign(char32_t c) {  // what stands inside a word of clean text
  return c == '\'' || c == '-' || c == 0x2019 || c == 0xAD || c == 0xB7 || c == 0x2010 || c == 0x2011 || c == 0xA0 || c == '_' || c == '.';
}

// Whether nobody writes these two beside each other.
bool clashes(char32_t left, char32_t right, char32_t behind) {
  const Kind a = kind_of(left), b = kind_of(right);
  if (is_c1_control(left) || is_c1_control(right)) return true;
  if (is_letter(a) && is_letter(b)) {
    return script_of(left) != script_of(right) || (a == Kind::lower && b == Kind::upper);
  }
  // A sign between two letters, or a letter behind a sign of mathematics or of boxes.
  if (is_letter(a) && !is_letter(b) && b != Kind::mark && b != Kind::digit && right > 0x7F) {
    return is_letter(kind_of(behind)) && !is_word_sign(right);
  }
  return is_letter(b) && left >= 0x2200 && left < 0x2600;
}

}  // namespace

Verdict judge_western(char32_t c, char32_t lead, std::u32string_view continuation, const Neighbours& around) {
  const Kind kind = kind_of(c);
  if (kind == Kind::unassigned || is_c1_control(c)) return Verdict::reject;
  if (kind == Kind::mark && c != 0xFE0F) {
    if (c >= 0x300 && c < 0x370) return kind_of(around.before) == Kind::lower ? Verdict::strong : Verdict::reject;  // uÌˆ: ü
    return script_of(around.before) == script_of(c) && script_of(c) != Script::none ? Verdict::strong : Verdict::reject;
  }
  if (!is_letter(kind) || c < 0xC0) return judge_symbol(c, continuation, around);
  return script_of(c) == Script::latin ? judge_latin(c, lead, continuation, around) : judge_other_script(c, continuation, around);
}

Verdict judge_other_page(char32_t c, char32_t lead, std::u32string_view continuation, const Neighbours& around) {
  const Kind kind = kind_of(c);
  if (kind == Kind::unassigned || !is_everyday_character(c)) return Verdict::reject;
  const Script script = script_of(c);
  const Kind before = kind_of(around.before), after = kind_of(around.after);
  if (is_letter(kind)) {
    for (const char32_t neighbour : {around.before, around.after}) {
      if (is_letter(kind_of(neighbour)) && script_of(neighbour) != script) return Verdict::reject;
    }
  }
  if (kind == Kind::lower && (after == Kind::upper || (before == Kind::upper && kind_of(around.before2) == Kind::upper)))
    return Verdict::reject;
  if (kind == Kind::upper && before == Kind::lower) return Verdict::reject;
  const auto is_box = [](char32_t sign) { return sign >= 0x2500 && sign < 0x2580; };
  if (is_box(lead) && is_box(continuation[0])) return Verdict::weak;  // somebody draws
  if (lead >= 0x2200 && lead < 0x2600) {
    // A sign of mathematics or of boxes in a word; √π may be meant.
    const bool is_formula = script_of(continuation[0]) == Script::greek || (continuation[0] >= 0x2200 && continuation[0] < 0x2264);
    const bool is_in_word = script == Script::latin && (is_letter(before) || is_letter(after)) && !is_formula;
    return is_in_word || continuation.size() > 1 || (script != Script::latin && script != Script::none) ? Verdict::strong : Verdict::weak;
  }
  if (is_letter(kind) && script != Script::latin && !is_letter(before) && !is_letter(after)) return Verdict::weak;  // alone in its script
  if (lead == 0x192 && !is_letter(before)) return Verdict::weak;                                                    // ƒ and a word
  if (c < 0xC0 && is_letter(kind_of(continuation[0]))) return Verdict::weak;                                        // Âş is no sign
  if (!is_letter(kind) && is_letter(before) && !is_common_punctuation(c) && (c >= 0xC0 || before == Kind::upper)) return Verdict::weak;
  char32_t left = lead;
  bool is_clash = is_letter(before) && script == Script::latin && clashes(around.before, lead, continuation[0]);
  for (size_t i = 0; i < continuation.size(); ++i) {
    const char32_t behind = i + 1 < continuation.size() ? continuation[i + 1] : around.after;
    is_clash = is_clash || clashes(left, continuation[i], behind);
    left = continuation[i];
  }
  // Three characters that read as a mark of punctuation are no accident.
  is_clash = is_clash || (continuation.size() == 2 && is_common_punctuation(c) && (is_letter(kind_of(lead)) || lead == 0x201A));
  return is_clash ? Verdict::strong : Verdict::weak;
}

}  // namespace ayar
