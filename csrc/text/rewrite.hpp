// Rewriting a text: what an operator replaces, in the order of the text; the rest is copied. It counts, and on demand remembers, every
// edit.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ayar {

// Bytes [begin, end) of what was became [new_begin, new_end) of what is.
struct Edit {
  size_t begin, end, new_begin, new_end;
};
using Edits = std::vector<Edit>;

// What became of a text by `first` and then by `second`, as one list. Edits that touch become one.
Edits compose(const Edits& first, const Edits& second);

// The range of the original that [begin, end) of the new text came from. Inside an edit it is the whole of what the edit replaced.
struct Range {
  size_t begin, end;
};
Range original_range(const Edits& edits, size_t begin, size_t end);

// Counted over all uses of one operator on one text.
struct Tally {
  size_t characters = 0;   // changed: of each edit, those of its longer side
  Edits* edits = nullptr;  // of the last use, where they are wanted
  size_t doubtful = 0;     // that may be wrong, and were left alone
};

class Rewrite {
 public:
  // `out` is written only once something is replaced.
  Rewrite(std::string_view text, std::string& out, Tally& tally) : text_(text), out_(out), tally_(tally) {}

  // Requires begin >= the end of what was replaced before. Replacing bytes by the same bytes is no edit.
  void replace(size_t begin, size_t end, std::string_view with);

  // Copies the rest. Returns whether anything was replaced.
  bool finish();

  size_t done() const { return copied_; }  // the end of what was replaced last

 private:
  std::string_view text_;
  std::string& out_;
  Tally& tally_;
  size_t copied_ = 0;
  bool is_changed_ = false;
};

size_t count_characters(std::string_view utf8);

}  // namespace ayar
