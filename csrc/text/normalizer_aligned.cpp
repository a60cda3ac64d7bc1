#include "text/normalizer_aligned.hpp"

#include <algorithm>

#include "text/valid_utf8.hpp"

namespace ayar::text {

AlignedText::AlignedText(std::string_view text, int32_t begin, bool tracks) : bytes_(text), start_(begin), tracks_(tracks) {
  if (!tracks) return;
  origin_.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const int width = char_bytes(static_cast<uint8_t>(text[at]));
    const auto first = begin + static_cast<int32_t>(at);
    origin_.insert(origin_.end(), static_cast<size_t>(width), {first, first + width});
    at += static_cast<size_t>(width);
  }
}

AlignedText AlignedText::slice(size_t begin, size_t end) const {
  AlignedText part;
  part.bytes_ = bytes_.substr(begin, end - begin);
  part.tracks_ = tracks_;
  // where in the original the slice starts; an empty one has no origin and is never asked
  part.start_ = begin == 0 ? start_ : start_ + 1;
  if (tracks_)
    part.origin_.assign(origin_.begin() + static_cast<std::ptrdiff_t>(begin), origin_.begin() + static_cast<std::ptrdiff_t>(end));
  return part;
}

void AlignedText::transform(std::span<const Change> changes, size_t removed) {
  std::string bytes;
  bytes.reserve(bytes_.size());
  std::vector<ByteSpan> origin;
  size_t at = 0;  // in the old bytes
  const auto skip = [&](size_t characters) {
    for (; characters > 0 && at < bytes_.size(); --characters) at += static_cast<size_t>(char_bytes(static_cast<uint8_t>(bytes_[at])));
  };
  if (tracks_) skip(removed);
  for (const auto& [code, change] : changes) {
    const size_t before = bytes.size();
    utf8::append(bytes, code);
    if (!tracks_) continue;
    const ByteSpan from = change > 0 ? (at == 0 ? ByteSpan{0, 0} : origin_[at - 1]) : origin_[at];
    origin.insert(origin.end(), bytes.size() - before, from);
    if (change <= 0) skip(1 + static_cast<size_t>(-change));
  }
  bytes_.swap(bytes);
  origin_.swap(origin);
}

void AlignedText::replace(std::string_view pattern, std::string_view content) {
  std::vector<std::pair<size_t, size_t>> ranges;
  for (size_t at = bytes_.find(pattern); at != std::string::npos; at = bytes_.find(pattern, at + pattern.size())) {
    ranges.emplace_back(at, at + pattern.size());
  }
  replace(ranges, content);
}

void AlignedText::replace(std::span<const std::pair<size_t, size_t>> ranges, std::string_view content) {
  if (ranges.empty()) return;
  std::string bytes;
  std::vector<ByteSpan> origin;
  size_t done = 0;
  const auto keep_until = [&](size_t end) {
    bytes.append(bytes_, done, end - done);
    if (tracks_) {
      origin.insert(origin.end(), origin_.begin() + static_cast<std::ptrdiff_t>(done), origin_.begin() + static_cast<std::ptrdiff_t>(end));
    }
  };
  for (const auto& [begin, end] : ranges) {
    keep_until(begin);
    bytes += content;
    if (tracks_) origin.insert(origin.end(), content.size(), origin_[end - 1]);  // all of it counts as inserted behind the match
    done = end;
  }
  keep_until(bytes_.size());
  bytes_.swap(bytes);
  origin_.swap(origin);
}

void AlignedText::prepend(std::string_view content) {
  if (bytes_.empty()) return;
  if (tracks_) origin_.insert(origin_.begin(), content.size(), origin_[0]);
  bytes_.insert(0, content);
}

}  // namespace ayar::text
