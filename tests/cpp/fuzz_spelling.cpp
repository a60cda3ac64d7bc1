// sources: csrc/text/spelling/*.cpp csrc/text/code_points.cpp csrc/core/*.cpp
// Any bytes through both spellers: only prose words change, a corrected row is UTF-8 where it was, and what brute force finds is found.
#include <algorithm>
#include <memory>

#include "mutation.hpp"
#include "text/spelling/running_text.hpp"
#include "text/spelling/typing_errors.hpp"
#include "text/utf8.hpp"

namespace {

constexpr std::string_view kEnglish[] = {"the",     "card",    "was",      "lost",    "and",     "my",      "money",
                                         "account", "receive", "this",     "there",   "where",   "payment", "wrong",
                                         "charged", "refund",  "transfer", "address", "because", "please"};
constexpr std::string_view kTurkish[] = {"ve",    "bir",      "kitap", "kitabı", "ağız", "ağzı",  "saat",    "saatler", "gelmek", "gitmek",
                                         "kargo", "çok",      "cok",   "için",   "hak",  "hakkı", "sipariş", "ev",      "su",     "anlamak",
                                         "güzel", "istanbul", "ışık",  "kapı",   "renk", "rengi", "müşteri", "hesap",   "hesabı", "şifre"};

template <size_t Count>
std::unique_ptr<ayar::Speller> speller(const std::string_view (&words)[Count], ayar::SpellingLanguage language) {
  std::string bytes;
  std::vector<int64_t> offsets{0};
  std::vector<float> frequencies;
  for (const std::string_view word : words) {
    bytes += word;
    offsets.push_back(static_cast<int64_t>(bytes.size()));
    frequencies.push_back(0.02F / static_cast<float>(offsets.size()));
  }
  const ayar::TextBatch batch(bytes.data(), offsets.data(), static_cast<int64_t>(Count));
  return std::make_unique<ayar::Speller>(ayar::Lexicon(batch, frequencies.data(), language), language, Count);
}

// Optimal string alignment by its recurrence.
int plain_distance(const ayar::Word& a, const ayar::Word& b) {
  std::vector<std::vector<int>> cost(static_cast<size_t>(a.size) + 1, std::vector<int>(static_cast<size_t>(b.size) + 1));
  for (size_t i = 0; i < cost.size(); ++i) {
    for (size_t j = 0; j < cost[i].size(); ++j) {
      const int x = static_cast<int>(i), y = static_cast<int>(j);
      if (i == 0 || j == 0) {
        cost[i][j] = x + y;
        continue;
      }
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[x - 1] != b[y - 1])});
      if (i > 1 && j > 1 && a[x - 1] == b[y - 2] && a[x - 2] == b[y - 1]) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[static_cast<size_t>(a.size)][static_cast<size_t>(b.size)];
}

bool is_utf8(std::string_view text) {
  return ayar::utf8::find_ill_formed(text.data(), text.data() + text.size()) == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
  Mutator mutator(
      {"the ",     "card ",   "crad ",   "was lost ", "moeny ",    "recieve ", "kitap",     "kitabımı ", "gidiyor", "gelmiyorm ", "agzi ",
       "cok ",     "lerimiz", "ımızdan", "saatler ",  "İSTANBUL",  "ISIK ",    "Ankara'da", "a",         " ",       "\n",         ".",
       "a@b.com ", "x_1 ",    "ñ",       "中",        "e\xCC\x81", "\xFF",     "\xE2\x82",  "lılılı",    "mişmiş",  "dır",        "’"},
      5);
  const auto english = speller(kEnglish, ayar::SpellingLanguage::english);
  const auto turkish = speller(kTurkish, ayar::SpellingLanguage::turkish);
  ayar::SpellingRules rules;
  rules.english = english.get();
  rules.turkish = turkish.get();
  rules.margin = 1;
  const long long count = iterations(argc, argv) / 3;
  for (long long iteration = 0; iteration < count; ++iteration) {
    const Exact text(mutator.text());
    const int64_t offsets[] = {0, static_cast<int64_t>(text.size)};
    const ayar::CorrectedBatch corrected = ayar::correct_spelling(ayar::TextBatch(text.bytes.get(), offsets, 1), rules);
    FUZZ_CHECK(corrected.is_changed == (corrected.words_corrected > 0));
    if (corrected.is_changed) FUZZ_CHECK(corrected.bytes != text.view() && is_utf8(corrected.bytes) == is_utf8(text.view()));
    for (const ayar::Speller* const one : {english.get(), turkish.get()}) {
      ayar::Word word;
      ayar::Shape shape;
      const size_t begin = text.size == 0 ? 0 : mutator.below(text.size);
      if (!ayar::read_word(text.view().substr(begin, mutator.below(20)), one->language(), word, shape)) continue;
      std::string written;
      ayar::append_word(word, one->language(), ayar::Shape::upper, written);
      ayar::Word again;
      const bool is_read = ayar::read_word(written, one->language(), again, shape);
      // The capital of ı is I, which English reads as i.
      const bool has_dotless = std::count(word.codes.begin(), word.codes.begin() + word.size, ayar::letter_code(U'ı')) > 0;
      FUZZ_CHECK(is_read && (again == word || (one == english.get() && has_dotless)));
      const std::vector<ayar::Suggestion> found = one->suggest(word, 1000);
      const auto has = [&](const ayar::Word& wanted) {
        return std::any_of(found.begin(), found.end(), [&](const ayar::Suggestion& suggestion) { return suggestion.word == wanted; });
      };
      for (int32_t id = 0; id < one->lexicon().size(); ++id) {
        const ayar::Word listed = one->lexicon().word(id);
        const int distance = plain_distance(word, listed);
        FUZZ_CHECK(distance == ayar::edit_distance(word, listed));
        FUZZ_CHECK((distance == 1) == (ayar::log_single_edit(word, listed, one->language()) != ayar::kNever));
        if (distance <= 1) FUZZ_CHECK(has(listed));
        if (distance == 2 && found.empty() && word.size >= 7) FUZZ_CHECK(false);
      }
    }
  }
  std::printf("fuzz_spelling: %lld texts\n", count);
}
