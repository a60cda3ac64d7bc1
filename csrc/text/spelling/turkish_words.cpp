#include "text/spelling/turkish_words.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <unordered_map>

#include "text/spelling/typing_errors.hpp"

namespace ayar {
namespace {

constexpr uint8_t code(char32_t letter) {
  return letter_code(letter);
}
constexpr uint8_t kHighVowels[] = {code(U'ı'), code('i'), code('u'), code(U'ü')};
constexpr int kShortestStem = 3, kShortestFixed = 4;
constexpr float kLogAbsent = -1e9F;
constexpr float kLogClearly = 1.4F;          // four times as often
constexpr float kLogRareShortStem = -11.5F;  // three letters seen less than once in 100,000 words are mostly abbreviations

// Nouns and verbs of two letters; other listed words so short are particles, syllables and abbreviations.
constexpr std::u32string_view kShortStems =
    U" ad ağ ak al an ar as at av ay az aç aş bu bağ de ek el em en er eş et ev ez ol ok on or ot oy oğ iç il in ip is it iz iş öç ön öp "
    U"ör "
    U"öz su şu uç un us ut uy uz ün üç üs üz ye ya ";

// Endings that verbs alone have, one line a kind; who is seen with several kinds is a verb.
constexpr std::array<std::u32string_view, 8> kVerbEndings[] = {
    {U"dı", U"di", U"du", U"dü", U"tı", U"ti", U"tu", U"tü"},
    {U"mış", U"miş", U"muş", U"müş", U"mıştı", U"mişti", U"muştu", U"müştü"},
    {U"ıyor", U"iyor", U"uyor", U"üyor", U"ıyordu", U"iyordu", U"uyordu", U"üyordu"},
    {U"acak", U"ecek", U"acağı", U"eceği", U"ınca", U"ince", U"unca", U"ünce"},
    {U"an", U"en", U"anlar", U"enler", U"anı", U"eni"},
    {U"arak", U"erek"},
    {U"ıp", U"ip", U"up", U"üp"},
    {U"dığı", U"diği", U"duğu", U"düğü", U"tığı", U"tiği", U"tuğu", U"tüğü"},
    {U"ması", U"mesi", U"masını", U"mesini", U"maya", U"meye", U"malı", U"meli"},
    {U"madı", U"medi", U"maz", U"mez", U"mıyor", U"miyor", U"muyor", U"müyor"},
};
constexpr int kEndingsOfVerb = 3;

bool is_short_stem(const Word& word) {
  for (size_t place = 0; place + 3 < kShortStems.size(); ++place)
    if (kShortStems[place] == ' ' && kShortStems[place + 3] == ' ' && letter_code(kShortStems[place + 1]) == word[0] &&
        letter_code(kShortStems[place + 2]) == word[1])
      return true;
  return false;
}

bool is_high(uint8_t letter) {
  return bare_letter(letter) == code('i') || bare_letter(letter) == code('u');
}

int vowels(const Word& word) {
  int count = 0;
  for (int place = 0; place < word.size; ++place) count += is_vowel(word[place]);
  return count;
}

bool ends_with(const Word& word, std::u32string_view ending) {
  const int size = static_cast<int>(ending.size());
  if (word.size < size) return false;
  for (int i = 0; i < size; ++i)
    if (word[word.size - size + i] != letter_code(ending[static_cast<size_t>(i)])) return false;
  return true;
}

// The last letter as it is before a vowel: kitap, kitab-; renk, reng-; çocuk, çocuğ-.
uint8_t softened(const Word& noun) {
  const bool follows_n = noun.size > 1 && noun[noun.size - 2] == code('n');
  switch (kLetters[noun.last()]) {
    case 'p': return code('b');
    case U'ç': return code('c');
    case 't': return code('d');
    case 'k': return follows_n ? code('g') : code(U'ğ');
    case 'g': return code(U'ğ');
    default: return noun.last();
  }
}

int changed_letters(const Word& typed, const Word& right) {
  int count = 0;
  for (int place = 0; place < typed.size; ++place) count += typed[place] != right[place];
  return count;
}

}  // namespace

TurkishWords::TurkishWords(const Lexicon& lexicon) : lexicon_(lexicon) {
  for (int32_t id = 0; id < lexicon.size(); ++id) {
    begins_of_words_.push_back(static_cast<uint32_t>(stems_.size()));
    add_noun(id, stems_);
  }
  begins_of_words_.push_back(static_cast<uint32_t>(stems_.size()));
  for (int32_t id = 0; id < lexicon.size(); ++id) {
    const Word word = lexicon.word(id);
    if (word.size >= 5 && (ends_with(word, U"mak") || ends_with(word, U"mek"))) add_verb(word.first(word.size - 3), id, stems_);
  }
  add_verbs_by_forms(stems_);
  slots_.assign(std::bit_ceil(2 * stems_.size() + 8), kNoWord);
  for (size_t stem = 0; stem < stems_.size(); ++stem) {
    size_t place = hash_word(bare_word(stems_[stem].shape)) & (slots_.size() - 1);
    while (slots_[place] != kNoWord) place = (place + 1) & (slots_.size() - 1);
    slots_[place] = static_cast<int32_t>(stem);
  }
}

// The word itself and what becomes of it before a vowel: kitap → kitab-, ağız → ağz-, hak → hakk-.
void TurkishWords::add_noun(int32_t id, std::vector<Stem>& stems) const {
  const Word noun = lexicon_.word(id);
  const int syllables = vowels(noun);
  if (syllables == 0 || noun.size + 2 > kMaxLetters) return;
  if (noun.size < kShortestStem ? !is_short_stem(noun) : noun.size == kShortestStem && lexicon_.log_frequency(id) < kLogRareShortStem)
    return;
  if ((syllables > 1 && is_soft_form(noun)) || is_genitive_only(noun)) return;
  const bool front = is_front_exception(noun);
  const size_t own = stems.size();
  stems.push_back({noun, id, StemKind::noun, Next::any, front});
  const float log_unchanged = log_with_high_vowel(noun);
  // Where people write kitabı and not kitapı, a vowel never follows kitap-.
  const auto add_before_vowel = [&](const Word& shape) {
    stems.push_back({shape, id, StemKind::noun, Next::vowel, front});
    if (log_with_high_vowel(shape) > log_unchanged + kLogClearly) stems[own].next = Next::consonant;
  };
  const uint8_t last = noun.last();
  const uint8_t soft = softened(noun);
  Word shape = noun;
  shape[noun.size - 1] = soft;
  if (soft != last && (syllables > 1 || log_with_high_vowel(shape) > kLogAbsent)) add_before_vowel(shape);
  if (noun.size >= kShortestFixed && syllables == 2 && is_high(noun[noun.size - 2]) && !is_vowel(last) && !is_vowel(noun[noun.size - 3])) {
    shape = noun.first(noun.size - 2);
    shape.push(last);
    if (log_with_high_vowel(shape) > kLogAbsent) add_before_vowel(shape);
  }
  if (!is_vowel(last) && syllables <= 2) {
    shape = noun;
    shape.push(last);
    if (log_with_high_vowel(shape) > kLogAbsent) stems.push_back({shape, id, StemKind::noun, Next::vowel, front});
  }
}

// gitmek → git-, gid-; anlamak → anla-, anl-ıyor.
void TurkishWords::add_verb(const Word& verb, int32_t id, std::vector<Stem>& stems) const {
  if (vowels(verb) == 0) return;
  stems.push_back({verb, id, StemKind::verb, Next::any, false});
  Word shape = verb;
  if (ends_with(verb, U"et") || ends_with(verb, U"git") || ends_with(verb, U"tat") || ends_with(verb, U"güt")) {
    shape[verb.size - 1] = code('d');
    stems.push_back({shape, id, StemKind::verb, Next::vowel, false});
  }
  if (verb.last() == code('a') || verb.last() == code('e')) {
    shape = verb.first(verb.size - 1);
    if (vowels(shape) > 0) stems.push_back({shape, id, StemKind::verb, Next::narrowed, false});
  }
}

// kıvrıl-: nobody lists kıvrılmak, but kıvrıldı and kıvrılan.
void TurkishWords::add_verbs_by_forms(std::vector<Stem>& stems) const {
  struct Seen {
    Word verb;
    int32_t id;
    uint32_t endings;
  };
  std::unordered_map<uint64_t, Seen> verbs;
  for (int32_t id = 0; id < lexicon_.size(); ++id) {
    const Word word = lexicon_.word(id);
    for (size_t ending = 0; ending < std::size(kVerbEndings); ++ending) {
      for (const std::u32string_view spelled : kVerbEndings[ending]) {
        const int size = word.size - static_cast<int>(spelled.size());
        if (spelled.empty() || size < kShortestStem || !ends_with(word, spelled)) continue;
        const Word verb = word.first(size);
        verbs.try_emplace(hash_word(verb), Seen{verb, id, 0}).first->second.endings |= 1u << ending;
      }
    }
  }
  std::vector<std::pair<int32_t, Word>> found;
  for (const auto& [hash, seen] : verbs)
    if (std::popcount(seen.endings) >= kEndingsOfVerb) found.emplace_back(seen.id, seen.verb);
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first < b.first : a.second.codes < b.second.codes; });
  for (const auto& [id, verb] : found) add_verb(verb, id, stems);
}

// saat, kalp, rol: listed with a front vowel behind the back one.
bool TurkishWords::is_front_exception(const Word& noun) const {
  if (noun.size + 3 > kMaxLetters) return false;
  Word front = noun, back = noun;
  for (const char32_t letter : {U'l', U'e', U'r'}) front.push(code(letter));
  for (const char32_t letter : {U'l', U'a', U'r'}) back.push(code(letter));
  const int32_t id = lexicon_.find(front), other = lexicon_.find(back);
  return id != kNoWord && (other == kNoWord || lexicon_.log_frequency(id) > lexicon_.log_frequency(other));
}

// Of the commonest of kitabı, kitabi, kitabu, kitabü.
float TurkishWords::log_with_high_vowel(Word shape) const {
  shape.push(0);
  float most = kLogAbsent;
  for (const uint8_t vowel : kHighVowels) {
    shape[shape.size - 1] = vowel;
    if (const int32_t id = lexicon_.find(shape); id != kNoWord) most = std::max(most, lexicon_.log_frequency(id));
  }
  return most;
}

// kitab, where kitap is commoner: not a stem of its own.
bool TurkishWords::is_soft_form(const Word& noun) const {
  Word hard = noun;
  const uint8_t last = noun.last();
  hard[noun.size - 1] = last == code('b') ? code('p') : last == code('c') ? code(U'ç') : last == code('d') ? code('t') : last;
  if (last == code(U'ğ') || (last == code('g') && noun.size > 1 && noun[noun.size - 2] == code('n'))) hard[noun.size - 1] = code('k');
  if (hard.last() == last) return false;
  const int32_t id = lexicon_.find(hard), own = lexicon_.find(noun);
  return id != kNoWord && lexicon_.log_frequency(id) > lexicon_.log_frequency(own) + kLogClearly;
}

// arabanın: a form of a commoner word that nobody uses as a noun itself, as kadın is used (kadınlar).
bool TurkishWords::is_genitive_only(const Word& noun) const {
  const int size = noun.size;
  if (size < 5 || size + 3 > kMaxLetters || noun.last() != code('n') || !is_high(noun[size - 2])) return false;
  const Word base = noun.first(noun[size - 3] == code('n') && is_vowel(noun[size - 4]) ? size - 3 : size - 2);
  const int32_t id = lexicon_.find(base);
  if (id == kNoWord || lexicon_.log_frequency(id) < lexicon_.log_frequency(lexicon_.find(noun))) return false;
  for (const std::u32string_view ending : {U"lar", U"ler", U"da", U"de", U"dan", U"den"}) {
    Word form = noun;
    for (const char32_t letter : ending) form.push(code(letter));
    if (lexicon_.has(form)) return false;
  }
  return true;
}

template <class Body>
void TurkishWords::for_each_stem(const Word& bare_start, const Body& body) const {
  const size_t mask = slots_.size() - 1;
  for (size_t place = hash_word(bare_start) & mask; slots_[place] != kNoWord; place = (place + 1) & mask) {
    const Stem& stem = stems_[static_cast<size_t>(slots_[place])];
    if (bare_word(stem.shape) == bare_start) body(stem);
  }
}

bool TurkishWords::may_follow(const Stem& stem, const Word& typed) {
  const int place = stem.shape.size;
  if (stem.next == Next::any) return true;
  if (stem.next == Next::consonant) return place >= typed.size || !is_vowel(typed[place]);
  if (place >= typed.size || !is_vowel(typed[place])) return false;
  return stem.next == Next::vowel || (place + 3 < typed.size && is_high(typed[place]) && typed[place + 1] == code('y') &&
                                      typed[place + 2] == code('o') && typed[place + 3] == code('r'));
}

bool TurkishWords::accepts(const Word& word) const {
  SuffixChain chain;
  for (int size = 2; size < word.size; ++size) {
    const Word start = word.first(size);
    bool found = false;
    for_each_stem(bare_word(start), [&](const Stem& stem) {
      found = found ||
              (stem.shape == start && may_follow(stem, word) && match_suffixes(word, start, stem.kind, stem.is_front, Fit::exact, chain));
    });
    if (found) return true;
  }
  return false;
}

std::optional<TurkishForm> TurkishWords::restore(const Word& typed, Fit fit) const {
  std::optional<TurkishForm> best;
  SuffixChain chain;
  for (int size = 2; size < typed.size; ++size) {
    for_each_stem(bare_word(typed.first(size)), [&](const Stem& stem) {
      if (!may_follow(stem, typed) || !match_suffixes(typed, stem.shape, stem.kind, stem.is_front, fit, chain)) return;
      const int mistakes = changed_letters(typed, chain.word);
      if (!best || mistakes < best->mistakes ||
          (mistakes == best->mistakes && lexicon_.log_frequency(stem.id) > lexicon_.log_frequency(best->stem)))
        best = TurkishForm{chain.word, stem.id, mistakes};
    });
  }
  return best;
}

void TurkishWords::with_other_stem(const Word& typed, const DeletionIndex& index, std::vector<TurkishForm>& forms) const {
  std::vector<int32_t> ids;
  SuffixChain chain;
  for (int size = kShortestFixed; size < typed.size; ++size) {
    const Word start = typed.first(size);
    ids.clear();
    index.candidates(start, ids);
    for (const int32_t id : ids) {
      for (uint32_t place = begins_of_words_[static_cast<size_t>(id)]; place < begins_of_words_[static_cast<size_t>(id) + 1]; ++place) {
        const Stem& stem = stems_[place];
        if (stem.shape.size < kShortestFixed || stem.shape.size + typed.size - size > kMaxLetters) continue;
        if (log_single_edit(start, stem.shape, SpellingLanguage::turkish) == kNever) continue;
        Word whole = stem.shape;
        for (int rest = size; rest < typed.size; ++rest) whole.push(typed[rest]);
        if (may_follow(stem, whole) && match_suffixes(whole, stem.shape, stem.kind, stem.is_front, Fit::bare, chain))
          forms.push_back({chain.word, id, chain.mistakes});
      }
    }
  }
}

}  // namespace ayar
