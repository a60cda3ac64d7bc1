// A text on its way through the normalizers, and for each of its bytes the range of the original that it came from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/utf8.hpp"

namespace ayar::text {

// Half-open range of bytes, widened to whole characters: a token may be a part of one.
struct ByteSpan {
  int32_t begin, end;
};

// A character of a new text: 1 inserted (it takes the origin of what stands before it), 0 in place of one character, -n also of the n
// after it.
struct Change {
  char32_t code;
  int32_t change;
};

class AlignedText {
 public:
  AlignedText() = default;
  // `begin`: where text starts in the original.
  AlignedText(std::string_view text, int32_t begin, bool tracks);

  const std::string& bytes() const { return bytes_; }
  bool tracks() const { return tracks_; }
  bool starts_at_zero() const { return start_ == 0; }
  ByteSpan origin(size_t begin, size_t end) const { return {origin_[begin].begin, origin_[end - 1].end}; }  // begin < end
  AlignedText slice(size_t begin, size_t end) const;

  // The new text in the place of the old one; the first `removed` characters of the old are gone.
  void transform(std::span<const Change> changes, size_t removed);
  void replace(std::string_view pattern, std::string_view content);
  void replace(std::span<const std::pair<size_t, size_t>> ranges, std::string_view content);
  void prepend(std::string_view content);
  template <class Keep>
  void filter(Keep&& keep) {
    std::vector<Change> changes;
    size_t removed = 0, removed_start = 0;
    for_each_char([&](char32_t code) {
      if (!keep(code)) {
        ++removed;
        return;
      }
      if (changes.empty()) {
        removed_start = removed;
      } else {
        changes.back().change = -static_cast<int32_t>(removed);
      }
      changes.push_back({code, 0});
      removed = 0;
    });
    if (!changes.empty()) changes.back().change = -static_cast<int32_t>(removed);
    transform(changes, removed_start);
  }
  template <class OnChar>
  void for_each_char(OnChar&& on_char) const {
    const char* const end = bytes_.data() + bytes_.size();
    for (const char* p = bytes_.data(); p < end;) {
      const utf8::Decoded c = utf8::decode(p, end);
      on_char(c.code);
      p += c.length;
    }
  }

 private:
  std::string bytes_;
  std::vector<ByteSpan> origin_;  // of each byte; empty where nobody asked
  int32_t start_ = 0;
  bool tracks_ = false;
};

}  // namespace ayar::text
