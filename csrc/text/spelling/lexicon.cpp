#include "text/spelling/lexicon.hpp"

#include <bit>
#include <cmath>
#include <cstring>

namespace ayar {

Lexicon::Lexicon(const TextBatch& words, const float* frequency, SpellingLanguage language) {
  slots_.assign(std::bit_ceil(static_cast<size_t>(words.rows()) * 2 + 8), kNoWord);
  const size_t mask = slots_.size() - 1;
  Word word;
  Shape shape;
  for (int64_t row = 0; row < words.rows(); ++row) {
    AYAR_REQUIRE(frequency[row] > 0);
    if (!read_word(words[row], language, word, shape) || shape != Shape::lower || has(word)) continue;
    size_t place = hash_word(word) & mask;
    while (slots_[place] != kNoWord) place = (place + 1) & mask;
    slots_[place] = size();
    codes_.insert(codes_.end(), word.codes.begin(), word.codes.begin() + word.size);
    starts_.push_back(static_cast<uint32_t>(codes_.size()));
    log_frequency_.push_back(std::log(frequency[row]));
  }
  index();
}

void Lexicon::index() {
  bare_slots_.assign(slots_.size(), kNoWord);
  const size_t mask = bare_slots_.size() - 1;
  for (int32_t id = 0; id < size(); ++id) {
    const Word listed = word(id);
    size_t place = hash_word(bare_word(listed)) & mask;
    while (bare_slots_[place] != kNoWord) place = (place + 1) & mask;
    bare_slots_[place] = id;
    chains_.add(listed);
  }
}

Word Lexicon::word(int32_t id) const {
  const uint32_t begin = starts_[static_cast<size_t>(id)], end = starts_[static_cast<size_t>(id) + 1];
  Word found;
  std::memcpy(found.codes.data(), codes_.data() + begin, end - begin);
  found.size = static_cast<int>(end - begin);
  return found;
}

int32_t Lexicon::find(const Word& word) const {
  const size_t mask = slots_.size() - 1;
  for (size_t place = hash_word(word) & mask; slots_[place] != kNoWord; place = (place + 1) & mask) {
    const size_t id = static_cast<size_t>(slots_[place]);
    if (starts_[id + 1] - starts_[id] == static_cast<uint32_t>(word.size) &&
        std::memcmp(codes_.data() + starts_[id], word.codes.data(), static_cast<size_t>(word.size)) == 0)
      return slots_[place];
  }
  return kNoWord;
}

}  // namespace ayar
