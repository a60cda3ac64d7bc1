// _native.spelling: spellers from word lists, and corrections over the buffers of an Arrow array. The GIL is released while they run.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/arrow_buffers.hpp"
#include "bindings/module.hpp"
#include "text/spelling/running_text.hpp"
#include "text/spelling/speller.hpp"

using namespace pybind11::literals;

namespace ayar {
namespace {

SpellingLanguage language_named(const std::string& name) {
  AYAR_REQUIRE(name == "en" || name == "tr");
  return name == "tr" ? SpellingLanguage::turkish : SpellingLanguage::english;
}

std::unique_ptr<Speller> make_speller(const std::string& language, const py::buffer& bytes, const py::buffer& offsets, int64_t first,
                                      int64_t rows, bool has_wide_offsets, const py::array_t<float, py::array::c_style>& frequencies,
                                      int32_t candidates) {
  const SpellingLanguage spoken = language_named(language);
  AYAR_REQUIRE(frequencies.size() == rows);
  const float* const frequency = frequencies.data();
  return with_batch(bytes, offsets, first, rows, has_wide_offsets, [&](const TextBatch& words) {
    return std::make_unique<Speller>(Lexicon(words, frequency, spoken), spoken, candidates);
  });
}

std::optional<Word> word_of(const Speller& speller, const std::string& text) {
  Word word;
  Shape shape;
  return read_word(text, speller.language(), word, shape) ? std::optional(word) : std::nullopt;
}

std::string text_of(const Speller& speller, const Word& word) {
  std::string text;
  append_word(word, speller.language(), Shape::lower, text);
  return text;
}

bool add_misspelling(Speller& speller, const std::string& typed, const std::string& meant, const std::string& second) {
  const auto wrong = word_of(speller, typed), right = word_of(speller, meant);
  if (!wrong || !right) return false;
  Word second_word;
  if (!second.empty()) {
    const auto found = word_of(speller, second);
    if (!found) return false;
    second_word = *found;
  }
  speller.add_misspelling(*wrong, {*right, second_word});
  return true;
}

std::vector<std::pair<std::string, float>> suggest(const Speller& speller, const std::string& typed, size_t most) {
  std::vector<std::pair<std::string, float>> found;
  if (const auto word = word_of(speller, typed))
    for (const Suggestion& suggestion : speller.suggest(*word, most))
      found.emplace_back(text_of(speller, suggestion.word), suggestion.score);
  return found;
}

std::vector<std::optional<std::string>> correct_words(const Speller& speller, const std::vector<std::string>& words, float margin) {
  std::vector<std::optional<std::string>> corrected(words.size());
  const py::gil_scoped_release no_gil;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto word = word_of(speller, words[i]);
    const auto found = word ? speller.correct(*word, margin, false) : std::nullopt;
    if (!found) continue;
    corrected[i] = text_of(speller, found->word);
    if (found->second.size > 0) *corrected[i] += " " + text_of(speller, found->second);
  }
  return corrected;
}

bool accepts(const Speller& speller, const std::string& text) {
  const auto word = word_of(speller, text);
  return word && speller.accepts(*word);
}

// Keeps the spellers alive: rules borrow them.
struct Rules {
  SpellingRules rules;
  py::object english, turkish;
};

Rules make_rules(const py::object& english, const py::object& turkish, float margin, const std::vector<std::string>& protected_words,
                 const std::vector<std::string>& corrected) {
  Rules made{{}, english, turkish};
  if (!english.is_none()) made.rules.english = english.cast<const Speller*>();
  if (!turkish.is_none()) made.rules.turkish = turkish.cast<const Speller*>();
  AYAR_REQUIRE(made.rules.english != nullptr || made.rules.turkish != nullptr);
  made.rules.margin = margin;
  const auto corrects = [&](const char* language) { return std::find(corrected.begin(), corrected.end(), language) != corrected.end(); };
  made.rules.corrects_english = corrects("en");
  made.rules.corrects_turkish = corrects("tr");
  Word word;
  Shape shape;
  for (const std::string& text : protected_words)
    for (const SpellingLanguage language : {SpellingLanguage::english, SpellingLanguage::turkish})
      if (read_word(text, language, word, shape)) made.rules.protected_.insert(protection_key(word));
  return made;
}

py::tuple correct_arrow(const Rules& rules, const py::buffer& bytes, const py::buffer& offsets, int64_t first, int64_t rows,
                        bool has_wide_offsets) {
  CorrectedBatch corrected = with_batch(bytes, offsets, first, rows, has_wide_offsets,
                                        [&](const TextBatch& batch) { return correct_spelling(batch, rules.rules); });
  py::dict counts;
  counts["rows"] = corrected.rows_touched;
  counts["words"] = corrected.words_corrected;
  counts["words_read"] = corrected.words;
  counts["rows_english"] = corrected.rows_of_language[0];
  counts["rows_turkish"] = corrected.rows_of_language[1];
  counts["rows_other"] = corrected.rows_of_language[2];
  if (!corrected.is_changed) return py::make_tuple(py::none(), py::none(), counts);
  return py::make_tuple(own(std::move(corrected.offsets)), own(std::move(corrected.bytes)), counts);
}

}  // namespace

void bind_spelling(py::module_ module) {  // NOLINT(performance-unnecessary-value-param): as pybind11 has it
  py::class_<Speller>(module, "Speller")
      .def(py::init(&make_speller), "language"_a, "bytes"_a, "offsets"_a, "first"_a, "rows"_a, "has_wide_offsets"_a, "frequencies"_a,
           "candidates"_a)
      .def("add_misspelling", &add_misspelling, "typed"_a, "meant"_a, "second"_a, "False where one of them is no word.")
      .def("suggest", &suggest, "typed"_a, "most"_a, "The likeliest words and their scores.")
      .def("correct_words", &correct_words, "words"_a, "margin"_a, "What each is corrected to; None where it stays.")
      .def("accepts", &accepts, "word"_a);
  py::class_<Rules>(module, "Rules")
      .def(py::init(&make_rules), "english"_a, "turkish"_a, "margin"_a, "protected"_a, "corrected"_a)
      .def("correct", &correct_arrow, "bytes"_a, "offsets"_a, "first"_a, "rows"_a, "has_wide_offsets"_a,
           "Returns (offsets int64, bytes uint8, counts); the arrays are None where no row changed.");
}

}  // namespace ayar
