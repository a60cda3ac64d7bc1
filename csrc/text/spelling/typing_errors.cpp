#include "text/spelling/typing_errors.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

namespace ayar {
namespace {

constexpr float kErrorRate = 0.02F;
constexpr float kOmission = 0.27F, kInsertion = 0.25F, kSubstitution = 0.28F, kSwap = 0.2F;
constexpr float kLikelyLetter = 0.08F, kOtherLetter = 0.03F;  // a neighbour on the keyboard, the letter beside it; any other

struct Keyboard {
  std::array<std::array<bool, kLetterCodes>, kLetterCodes> near{};

  explicit Keyboard(const std::u32string_view (&rows)[3]) {
    for (int row = 0; row < 3; ++row) {
      for (int column = 0; column < static_cast<int>(rows[row].size()); ++column) {
        const uint8_t code = letter_code(rows[row][static_cast<size_t>(column)]);
        // Each row stands half a key to the right of the row above it.
        const int neighbours[][2] = {{row, column + 1}, {row + 1, column - 1}, {row + 1, column}};
        for (const auto& place : neighbours) {
          if (place[0] >= 3 || place[1] < 0 || place[1] >= static_cast<int>(rows[place[0]].size())) continue;
          const uint8_t other = letter_code(rows[place[0]][static_cast<size_t>(place[1])]);
          near[code][other] = near[other][code] = true;
        }
      }
    }
  }
};

const Keyboard& keyboard(SpellingLanguage language) {
  static const Keyboard english({U"qwertyuiop", U"asdfghjkl", U"zxcvbnm"});
  static const Keyboard turkish({U"qwertyuıopğü", U"asdfghjklşi", U"zxcvbnmöç"});
  return language == SpellingLanguage::turkish ? turkish : english;
}

float log_letter(uint8_t typed, uint8_t meant, SpellingLanguage language) {
  const bool likely =
      keyboard(language).near[typed][meant] || bare_letter(typed) == bare_letter(meant) || (is_vowel(typed) && is_vowel(meant));
  return std::log(likely ? kLikelyLetter : kOtherLetter);
}

}  // namespace

int edit_distance(const Word& a, const Word& b) {
  if (a.size <= 0 || b.size <= 0) return std::max(a.size, b.size);
  uint64_t places[kLetterCodes] = {};  // of each letter in a
  for (int i = 0; i < a.size; ++i) places[a[i]] |= uint64_t{1} << i;
  uint64_t up = ~uint64_t{0}, down = 0, diagonal = 0, places_before = 0;
  const uint64_t last = uint64_t{1} << (a.size - 1);
  int distance = a.size;
  for (int j = 0; j < b.size; ++j) {
    const uint64_t here = places[b[j]];
    const uint64_t swap = (((~diagonal) & here) << 1) & places_before;
    diagonal = (((here & up) + up) ^ up) | here | down | swap;
    uint64_t right = down | ~(diagonal | up), left = diagonal & up;
    distance += (right & last) != 0;
    distance -= (left & last) != 0;
    right = right << 1 | 1;
    left <<= 1;
    up = left | ~(diagonal | right);
    down = right & diagonal;
    places_before = here;
  }
  return distance;
}

float log_single_edit(const Word& typed, const Word& meant, SpellingLanguage language) {
  const int shorter = std::min(typed.size, meant.size), difference = typed.size - meant.size;
  if (difference < -1 || difference > 1) return kNever;
  int same = 0;
  while (same < shorter && typed[same] == meant[same]) ++same;
  const auto rest_equal = [&](int in_typed, int in_meant) {
    return typed.size - in_typed == meant.size - in_meant &&
           std::memcmp(typed.codes.data() + in_typed, meant.codes.data() + in_meant, static_cast<size_t>(typed.size - in_typed)) == 0;
  };
  static const std::array<float, kMaxLetters + 2> log_of = [] {
    std::array<float, kMaxLetters + 2> logs{};
    for (size_t number = 1; number < logs.size(); ++number) logs[number] = std::log(static_cast<float>(number));
    return logs;
  }();
  const float rate = std::log(kErrorRate), places = log_of[static_cast<size_t>(meant.size) + 1];
  // Of a letter that stands twice either may be the one: two ways to the same word.
  if (difference == -1) {
    if (!rest_equal(same, same + 1)) return kNever;
    const bool doubled = same > 0 && meant[same] == meant[same - 1];
    return rate + std::log(kOmission * (doubled ? 2 : 1)) - places;
  }
  if (difference == 1) {
    if (!rest_equal(same + 1, same)) return kNever;
    const uint8_t extra = typed[same];
    if (same > 0 && extra == typed[same - 1]) return rate + std::log(kInsertion * kLikelyLetter * 2) - places;
    const bool slipped = (same > 0 && keyboard(language).near[extra][typed[same - 1]]) ||
                         (same + 1 < typed.size && keyboard(language).near[extra][typed[same + 1]]);
    return rate + std::log(kInsertion * (slipped ? kLikelyLetter : kOtherLetter)) - places;
  }
  if (same == typed.size) return kNever;  // equal
  if (rest_equal(same + 1, same + 1)) return rate + std::log(kSubstitution) + log_letter(typed[same], meant[same], language) - places;
  if (same + 1 < typed.size && typed[same] == meant[same + 1] && typed[same + 1] == meant[same] && rest_equal(same + 2, same + 2))
    return rate + std::log(kSwap) - places;
  return kNever;
}

}  // namespace ayar
