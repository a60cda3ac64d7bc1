// The words of a text that somebody wrote as prose: not those in addresses, codes, placeholders, file names or mark-up.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ayar {

struct ProseWord {
  uint32_t begin, end;  // bytes
  bool is_first;        // of the text, a line or a sentence: its capital means nothing
};

// Runs of letters. What stands between two spaces is left out whole where it has a digit, an apostrophe between letters, a dot between
// letters or any of @ # / \ _ < > { } [ ] = + * ~ ^ | $ % & `.
void find_prose_words(std::string_view text, std::vector<ProseWord>& words);

}  // namespace ayar
