#include "text/spelling/running_text.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "text/code_points.hpp"
#include "text/spelling/own_words.hpp"
#include "text/spelling/prose_words.hpp"

namespace ayar {
namespace {

constexpr int64_t kPieceBytes = 1 << 16;
constexpr size_t kCacheSlots = 4096;
constexpr float kLogNever = -18.4F;            // of a word that is not listed: 1 in 100 million
constexpr float kLeastKnown = 0.6F;            // share of the words: a row that knows fewer is another language
constexpr float kLogKnown = -13.9F;            // one of a million words
constexpr float kLogOfOtherLanguage = -13.8F;  // a word of the other language is right where it is one of a million or commoner
constexpr float kLogTurkishLetter = 0.5F;
constexpr float kFirstWordMargin = 3.0F;  // the capital of a first word may be that of a name
constexpr int kLongestName = 12;

class RowCorrector {
 public:
  // counts: where listed words are counted, or null. own: keys of words that stay.
  RowCorrector(const SpellingRules& rules, WordCounts* counts, const std::unordered_set<uint64_t>& own)
      : rules_(rules), counts_(counts), own_(own), cache_(kCacheSlots) {}

  const DoubtfulWords& doubtful() const { return doubtful_; }

  // False where nothing changes.
  bool correct(std::string_view text, CorrectedBatch& counts, std::string& out) {
    find_prose_words(text, words_);
    const Speller* const speller = judge(text);
    ++counts.rows_of_language[speller == nullptr ? 2 : speller == rules_.english ? 0 : 1];
    if (speller == nullptr || !(speller == rules_.english ? rules_.corrects_english : rules_.corrects_turkish)) return false;
    counts.words += static_cast<int64_t>(words_.size());
    size_t copied = 0;
    for (size_t number = 0; number < words_.size(); ++number) {
      const ProseWord& place = words_[number];
      const int32_t id = ids_[number].of[static_cast<size_t>(speller->language())];
      if (id >= 0 && counts_ != nullptr) counts_->add(speller->language(), id);
      if (id >= 0 && speller->is_plain(id)) continue;
      const Correction* const correction = corrected(text.substr(place.begin, place.end - place.begin), place.is_first, *speller);
      if (correction == nullptr) continue;
      if (copied == 0) out.clear();
      out.append(text.substr(copied, place.begin - copied));
      append_word(correction->word, speller->language(), shape_, out);
      if (correction->second.size > 0) {
        out.push_back(' ');
        append_word(correction->second, speller->language(), shape_ == Shape::upper ? Shape::upper : Shape::lower, out);
      }
      copied = place.end;
      ++counts.words_corrected;
    }
    if (copied == 0) return false;
    out.append(text.substr(copied));
    return true;
  }

 private:
  struct Cached {
    Word typed;
    Correction correction;  // of an empty word where it stays
    SpellingLanguage language;
    bool is_first, has_marks;  // of the row
  };

  struct Ids {
    std::array<int32_t, 2> of;  // the word in each language's list
  };

  // The language whose words the row has, or none; notes also whether the row is written in capitals, and whether it has marked letters.
  const Speller* judge(std::string_view text) {
    float english = 0, turkish = 0;
    int known_english = 0, known_turkish = 0, capitals = 0;
    has_marks_ = false;
    ids_.clear();
    for (const ProseWord& place : words_) {
      const std::string_view typed = text.substr(place.begin, place.end - place.begin);
      Ids ids{{kNoWord, kNoWord}};
      Word word;
      Shape shape = Shape::lower;
      const bool is_read = read_word(typed, SpellingLanguage::turkish, word, shape);
      if (is_read) {
        capitals += shape == Shape::upper;
        for (int letter = 0; letter < word.size; ++letter) {
          if (!is_marked(word[letter]) || (word[letter] == letter_code(U'ı') && shape != Shape::lower)) continue;
          has_marks_ = true;
          turkish += kLogTurkishLetter;
        }
      }
      const float in_turkish = is_read && rules_.turkish != nullptr ? log_word(*rules_.turkish, word, ids.of[1]) : kLogNever;
      const bool is_alike = is_read && typed.find('I') == typed.npos && typed.find("İ") == typed.npos;
      const bool is_read_in_english = rules_.english != nullptr && (is_alike || read_word(typed, SpellingLanguage::english, word, shape));
      const float in_english = is_read_in_english ? log_word(*rules_.english, word, ids.of[0]) : kLogNever;
      english += in_english;
      turkish += in_turkish;
      known_english += in_english >= kLogKnown;
      known_turkish += in_turkish >= kLogKnown;
      ids_.push_back(ids);
    }
    // Only now, since it is slow: the words that no list has, where they can still make the row a Turkish one.
    const float unlisted = static_cast<float>(std::count_if(ids_.begin(), ids_.end(), [](const Ids& ids) { return ids.of[1] == kNoWord; }));
    if (rules_.turkish != nullptr && (rules_.english == nullptr || turkish + unlisted * (kLogKnown - kLogNever) > english)) {
      for (size_t number = 0; number < words_.size(); ++number) {
        const std::string_view typed = text.substr(words_[number].begin, words_[number].end - words_[number].begin);
        Word word;
        Shape shape;
        if (ids_[number].of[1] != kNoWord || !read_word(typed, SpellingLanguage::turkish, word, shape) || !rules_.turkish->accepts(word))
          continue;
        turkish += kLogKnown - kLogNever;
        ++known_turkish;
      }
    }
    is_shouted_ = 2 * capitals > static_cast<int>(words_.size());
    if (words_.empty()) return nullptr;
    const bool is_turkish = rules_.english == nullptr || (rules_.turkish != nullptr && turkish > english);
    const int known = is_turkish ? known_turkish : known_english;
    if (static_cast<float>(known) < kLeastKnown * static_cast<float>(words_.size())) return nullptr;
    return is_turkish ? rules_.turkish : rules_.english;
  }

  static float log_word(const Speller& speller, const Word& word, int32_t& id) {
    id = speller.lexicon().find(word);
    return id == kNoWord ? kLogNever : speller.lexicon().log_frequency(id);
  }

  // What the word becomes, its case in shape_; null where it stays.
  const Correction* corrected(std::string_view typed, bool may_be_capital, const Speller& speller) {
    Word word;
    if (!read_word(typed, speller.language(), word, shape_) || shape_ == Shape::mixed) return nullptr;
    if ((shape_ == Shape::upper && !is_shouted_) || (shape_ == Shape::title && !may_be_capital)) return nullptr;
    const bool is_first = shape_ == Shape::title && word.size <= kLongestName;
    Cached& cached = cache_[hash_word(word) % kCacheSlots];
    if (!(cached.typed == word) || cached.language != speller.language() || cached.is_first != is_first || cached.has_marks != has_marks_) {
      cached = {word, {}, speller.language(), is_first, has_marks_};
      if (!is_protected(typed, word, speller))
        cached.correction = speller.correct(word, rules_.margin + (is_first ? kFirstWordMargin : 0), !has_marks_).value_or(Correction{});
    }
    if (cached.correction.word.size == 0) return nullptr;
    if (cached.correction.is_judged) {
      const uint64_t key = own_word_key(word, speller.language());
      if (own_.contains(key)) return nullptr;
      ++doubtful_.try_emplace(key, DoubtfulWord{speller.language(), speller.lexicon().find(cached.correction.word)}).first->second.count;
    }
    return &cached.correction;
  }

  bool is_protected(std::string_view typed, const Word& word, const Speller& speller) const {
    if (rules_.protected_.contains(protection_key(word))) return true;
    const Speller* const other = &speller == rules_.english ? rules_.turkish : rules_.english;
    Word same;
    Shape shape;
    if (other == nullptr || !read_word(typed, other->language(), same, shape)) return false;
    const int32_t id = other->lexicon().find(same);
    return id != kNoWord && other->lexicon().log_frequency(id) >= kLogOfOtherLanguage && !speller.lexicon().has(word);
  }

  const SpellingRules& rules_;
  WordCounts* counts_;
  const std::unordered_set<uint64_t>& own_;
  DoubtfulWords doubtful_;
  std::vector<ProseWord> words_;
  std::vector<Ids> ids_;
  std::vector<Cached> cache_;
  Shape shape_ = Shape::lower;
  bool is_shouted_ = false;
  bool has_marks_ = false;  // ç, ğ, ş ...: who wrote the row has a Turkish keyboard
};

}  // namespace

uint64_t protection_key(const Word& word) {
  Word key = word;
  for (int place = 0; place < key.size; ++place)
    if (key[place] == letter_code(U'ı')) key[place] = letter_code('i');
  return hash_word(key);
}

CorrectedBatch correct_spelling(const TextBatch& texts, const SpellingRules& rules) {
  const std::vector<int64_t> starts = texts.pieces(kPieceBytes);
  struct Piece {
    CorrectedBatch counts;
    std::string bytes;
    std::vector<int64_t> ends;  // of each row in bytes
    DoubtfulWords doubtful;
  };
  std::vector<Piece> pieces(starts.size());
  WordCounts word_counts;
  for (const Speller* const speller : {rules.english, rules.turkish})
    if (speller != nullptr) word_counts.expect(speller->language(), speller->lexicon().size());
  std::unordered_set<uint64_t> own;
  const auto correct_piece = [&](Piece& piece, int64_t first, int64_t last, WordCounts* counts) {
    piece = {};
    RowCorrector corrector(rules, counts, own);
    std::string corrected;
    for (int64_t row = first; row < last; ++row) {
      const bool changed = corrector.correct(texts[row], piece.counts, corrected);
      piece.counts.rows_touched += changed;
      piece.bytes.append(changed ? std::string_view(corrected) : texts[row]);
      piece.ends.push_back(static_cast<int64_t>(piece.bytes.size()));
    }
    piece.doubtful = corrector.doubtful();
  };
  for_each_piece(starts, [&](int64_t number, int64_t first, int64_t last) {
    correct_piece(pieces[static_cast<size_t>(number)], first, last, &word_counts);
  });
  DoubtfulWords doubtful;
  for (const Piece& piece : pieces)
    for (const auto& [key, word] : piece.doubtful)
      doubtful.try_emplace(key, DoubtfulWord{word.language, word.meant}).first->second.count += word.count;
  own = own_words(doubtful, word_counts);
  if (!own.empty()) {  // only now known, so the pieces that changed one are corrected again
    for_each_piece(starts, [&](int64_t number, int64_t first, int64_t last) {
      Piece& piece = pieces[static_cast<size_t>(number)];
      if (std::any_of(piece.doubtful.begin(), piece.doubtful.end(), [&](const auto& entry) { return own.contains(entry.first); }))
        correct_piece(piece, first, last, nullptr);
    });
  }
  CorrectedBatch whole;
  for (const Piece& piece : pieces) {
    whole.rows_touched += piece.counts.rows_touched;
    whole.words_corrected += piece.counts.words_corrected;
    whole.words += piece.counts.words;
    for (size_t i = 0; i < whole.rows_of_language.size(); ++i) whole.rows_of_language[i] += piece.counts.rows_of_language[i];
  }
  whole.is_changed = whole.rows_touched > 0;
  if (!whole.is_changed) return whole;
  whole.offsets.push_back(0);
  for (const Piece& piece : pieces) {
    const int64_t begin = whole.offsets.back();
    for (const int64_t end : piece.ends) whole.offsets.push_back(begin + end);
    whole.bytes += piece.bytes;
  }
  return whole;
}

}  // namespace ayar
