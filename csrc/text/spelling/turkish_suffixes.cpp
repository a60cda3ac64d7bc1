#include "text/spelling/turkish_suffixes.hpp"

#include <array>
#include <string_view>
#include <vector>

#include "text/utf8.hpp"

namespace ayar {
namespace {

constexpr int kMostSteps = 3000;

enum State : uint8_t {
  kNoun,          // may take everything a noun takes
  kPlural,        // -lAr
  kOwned,         // of the first or second person
  kOwnedByThird,  // -(s)I: its cases begin with n
  kCased,         // accusative, dative, ablative, with
  kPlaced,        // locative: may take -ki
  kGenitive,      // may take -ki, and no -lAr: nobody says arabanınlar
  kKi,            // -ki: its cases begin with n
  kVerb,
  kVoice,  // one voice taken
  kTail,   // all voices taken
  kNegated,
  kAble,
  kFinite,  // a tense; persons follow
  kPast,    // -DI, -sA; short persons follow
  kEnd,
  kStates
};

struct Rule {
  State from;
  State to;
  std::u32string_view suffixes;  // between spaces
};

constexpr Rule kRules[] = {
    // Nouns made of nouns.
    {kNoun, kNoun, U"lI sIz lIK CI CIK"},
    {kNoun, kPlural, U"lAr"},
    {kKi, kPlural, U"lAr"},
    {kNoun, kOwned, U"(I)m (I)n (I)mIz (I)nIz"},
    {kPlural, kOwned, U"Im In ImIz InIz"},
    {kNoun, kOwnedByThird, U"(s)I"},
    {kPlural, kOwnedByThird, U"I"},
    {kNoun, kCased, U"(y)I (y)A DAn (y)lA CA"},
    {kPlural, kCased, U"I A DAn lA CA"},
    {kOwned, kCased, U"I A DAn lA CA"},
    {kOwnedByThird, kCased, U"nI nA ndAn ylA ncA"},
    {kKi, kCased, U"nI nA ndAn ylA"},
    {kNoun, kPlaced, U"DA"},
    {kPlural, kPlaced, U"DA"},
    {kOwned, kPlaced, U"DA"},
    {kOwnedByThird, kPlaced, U"ndA"},
    {kKi, kPlaced, U"ndA"},
    {kNoun, kGenitive, U"(n)In"},
    {kPlural, kGenitive, U"In"},
    {kOwned, kGenitive, U"In"},
    {kOwnedByThird, kGenitive, U"nIn"},
    {kKi, kGenitive, U"nIn"},
    {kPlaced, kKi, U"ki"},
    {kGenitive, kKi, U"ki"},
    // The verb "to be" behind anything.
    {kNoun, kFinite, U"(y)mIş"},
    {kNoun, kEnd, U"DIr DIrlAr (y)Im sIn (y)Iz sInIz (y)ken"},
    {kNoun, kPast, U"(y)DI (y)sA"},
    {kPlural, kEnd, U"DIr Im sInIz Iz ken"},
    {kPlural, kPast, U"DI sA"},
    {kOwned, kEnd, U"DIr sIn ken"},
    {kOwned, kPast, U"DI sA"},
    {kOwnedByThird, kEnd, U"DIr DIrlAr yIm sIn yken"},
    {kOwnedByThird, kPast, U"yDI ysA"},
    {kCased, kEnd, U"DIr"},
    {kCased, kPast, U"(y)DI (y)sA"},
    {kPlaced, kEnd, U"DIr DIrlAr (y)Im sIn (y)Iz sInIz lAr (y)ken"},
    {kPlaced, kPast, U"(y)DI (y)sA"},
    {kGenitive, kEnd, U"DIr sIn (y)ken"},
    {kGenitive, kPast, U"(y)DI (y)sA"},
    {kKi, kEnd, U"DIr"},
    // Verbs made of nouns: eş-leş-tir-, kayd-ol-.
    {kNoun, kVerb, U"lA lAş lAn et ed ol"},
    // Voices.
    {kVerb, kVoice, U"DIr t Ir Ar (I)ş (I)l (I)n"},
    {kVerb, kTail, U""},
    {kVoice, kTail, U" (I)l t DIr (I)n"},
    {kTail, kNegated, U"mA (y)AmA"},
    {kTail, kAble, U"(y)Abil (y)Iver"},
    // Tenses.
    {kTail, kFinite, U"Iyor (I)r (A)r mAz (y)AmAz mIyor (y)AmIyor mIş (y)AcAK mAlI mAktA"},
    {kNegated, kFinite, U"mIş yAcAK mAlI mAktA"},
    {kAble, kFinite, U"Iyor Ir mIş AcAK mAlI"},
    {kTail, kPast, U"DI sA"},
    {kNegated, kPast, U"DI sA"},
    {kAble, kPast, U"DI sA"},
    {kFinite, kEnd, U"(y)Im sIn (y)Iz sInIz lAr DIr lArDIr (y)ken larken lerken"},
    {kFinite, kPast, U"(y)DI (y)sA lArDI lArsA"},
    {kFinite, kFinite, U"(y)mIş"},
    {kPast, kEnd, U"m n k nIz lAr"},
    {kTail, kEnd, U"mAm mAyIz (y)AmAm (y)AmAyIz (y)AyIm (y)AlIm sIn sInlAr (y)In (y)InIz"},
    {kNegated, kEnd, U"yAyIm yAlIm sIn sInlAr yIn yInIz"},
    // Verbs that become nouns and adverbs.
    {kTail, kNoun, U"mA (y)Iş DIK (y)AcAK (y)An (y)IcI mIş"},
    {kNegated, kNoun, U"mA yIş DIK yAcAK yAn mIş"},
    {kAble, kNoun, U"mA DIK AcAK An"},
    {kTail, kCased, U"mAk mAktAn mAklA"},
    {kNegated, kCased, U"mAk mAktAn"},
    {kAble, kCased, U"mAk mAktAn"},
    {kTail, kEnd, U"mAksIzIn mAdAn (y)Ip (y)ArAk (y)IncA (y)AlI DIkçA"},
    {kNegated, kEnd, U"yIp yArAk yIncA DIkçA"},
    {kAble, kEnd, U"Ip ArAk mAk"},
};

constexpr bool kMayEnd[kStates] = {true, true, true, true, true, true, true, true, false, false, true, true, true, true, true, true};

// One letter of a suffix. Parentheses become a flag.
struct Symbol {
  enum Kind : uint8_t { letter, A, I, D, C, K } kind;
  uint8_t code;  // of a letter
  bool is_joint;
};

struct Suffix {
  State to;
  std::vector<Symbol> symbols;
};

std::vector<Symbol> parse(std::u32string_view suffix) {
  std::vector<Symbol> symbols;
  bool is_joint = false;
  for (const char32_t mark : suffix) {
    switch (mark) {
      case '(': is_joint = true; break;
      case ')': is_joint = false; break;
      case 'A': symbols.push_back({Symbol::A, 0, is_joint}); break;
      case 'I': symbols.push_back({Symbol::I, 0, is_joint}); break;
      case 'D': symbols.push_back({Symbol::D, 0, is_joint}); break;
      case 'C': symbols.push_back({Symbol::C, 0, is_joint}); break;
      case 'K': symbols.push_back({Symbol::K, 0, is_joint}); break;
      default: symbols.push_back({Symbol::letter, letter_code(mark), is_joint});
    }
  }
  return symbols;
}

struct Automaton {
  std::array<std::vector<Suffix>, kStates> from;

  Automaton() {
    for (const Rule& rule : kRules) {
      std::u32string_view rest = rule.suffixes;
      for (;;) {
        const size_t space = rest.find(U' ');
        from[rule.from].push_back({rule.to, parse(rest.substr(0, space))});
        if (space == rest.npos) break;
        rest.remove_prefix(space + 1);
      }
    }
  }
};

constexpr uint8_t kA = letter_code('a'), kE = letter_code('e'), kD = letter_code('d'), kT = letter_code('t'), kC = letter_code('c'),
                  kCh = letter_code(U'ç'), kKey = letter_code('k'), kSoft = letter_code(U'ğ');

bool is_front_vowel(uint8_t code) {
  const char32_t letter = kLetters[code];
  return letter == 'e' || letter == 'i' || letter == U'ö' || letter == U'ü' || letter == U'î';
}

bool is_round_vowel(uint8_t code) {
  const char32_t letter = kLetters[code];
  return letter == 'o' || letter == U'ö' || letter == 'u' || letter == U'ü' || letter == U'û';
}

bool is_voiceless(uint8_t code) {
  const char32_t letter = kLetters[code];
  return letter == 'p' || letter == U'ç' || letter == 't' || letter == 'k' || letter == 'f' || letter == 'h' || letter == 's' ||
         letter == U'ş';
}

bool is_high(uint8_t code) {
  const char32_t letter = kLetters[bare_letter(code)];
  return letter == 'i' || letter == 'u';
}

class Matcher {
 public:
  Matcher(const Word& typed, Fit fit, SuffixChain& best) : typed_(typed), fit_(fit), best_(best) {}

  bool run(const Word& stem, StemKind kind, bool is_front) {
    uint8_t vowel = 0;
    for (int place = 0; place < stem.size; ++place)
      if (is_vowel(stem[place])) vowel = stem[place];
    if (vowel == 0) return false;
    const bool front = is_front || is_front_vowel(vowel), round = is_round_vowel(vowel);
    word_ = stem;
    follow(kind == StemKind::verb ? kVerb : kNoun, front, round, 0, 0);
    return found_;
  }

 private:
  void follow(State state, bool front, bool round, int mistakes, int suffixes) {
    static const Automaton automaton;
    if (++steps_ > kMostSteps || (found_ && mistakes >= best_.mistakes)) return;
    if (word_.size == typed_.size) {
      if (kMayEnd[state]) {
        best_ = {word_, mistakes, suffixes};
        found_ = true;
      }
      if (state != kVerb && state != kVoice) return;
    }
    for (const Suffix& suffix : automaton.from[state]) take(suffix, 0, front, round, mistakes, suffixes + 1);
  }

  void take(const Suffix& suffix, size_t place, bool front, bool round, int mistakes, int suffixes) {
    const int size = word_.size;
    for (; place < suffix.symbols.size(); ++place) {
      const Symbol symbol = suffix.symbols[place];
      if (symbol.is_joint) {
        const bool is_vowel_symbol = symbol.kind == Symbol::A || symbol.kind == Symbol::I;
        if (is_vowel_symbol == is_vowel(word_.last())) continue;
      } else if (place == 0 && (symbol.kind == Symbol::A || symbol.kind == Symbol::I) && is_vowel(word_.last())) {
        break;  // two vowels never meet
      }
      const uint8_t right = letter(symbol, front, round);
      if (word_.size >= typed_.size || !fits(typed_[word_.size], right)) break;
      mistakes += typed_[word_.size] != right;
      if (is_vowel(right)) {
        front = is_front_vowel(right);
        round = is_round_vowel(right);
      }
      word_.push(right);
    }
    if (place == suffix.symbols.size()) follow(suffix.to, front, round, mistakes, suffixes);
    word_.size = size;
  }

  uint8_t letter(const Symbol& symbol, bool front, bool round) const {
    static constexpr uint8_t high[2][2] = {{letter_code(U'ı'), letter_code('u')}, {letter_code('i'), letter_code(U'ü')}};
    switch (symbol.kind) {
      case Symbol::A: return front ? kE : kA;
      case Symbol::I: return high[front][round];
      case Symbol::D: return is_voiceless(word_.last()) ? kT : kD;
      case Symbol::C: return is_voiceless(word_.last()) ? kCh : kC;
      case Symbol::K: return word_.size + 1 < typed_.size && is_vowel(typed_[word_.size + 1]) ? kSoft : kKey;
      case Symbol::letter: break;
    }
    return symbol.code;
  }

  bool fits(uint8_t typed, uint8_t right) const {
    if (typed == right) return true;
    if (fit_ == Fit::exact) return false;
    const uint8_t bare_typed = bare_letter(typed), bare_right = bare_letter(right);
    if (bare_typed == bare_right) return true;
    if (fit_ == Fit::bare) return false;
    if (is_vowel(typed) && is_vowel(right)) return is_high(typed) == is_high(right);
    return (bare_typed == kD && bare_right == kT) || (bare_typed == kT && bare_right == kD);
  }

  const Word& typed_;
  Fit fit_;
  SuffixChain& best_;
  Word word_;
  int steps_ = 0;
  bool found_ = false;
};

}  // namespace

bool match_suffixes(const Word& typed, const Word& stem, StemKind kind, bool is_front, Fit fit, SuffixChain& chain) {
  if (stem.size >= typed.size) return false;
  return Matcher(typed, fit, chain).run(stem, kind, is_front);
}

}  // namespace ayar
