#include "text/pretokenize_steps.hpp"

#include <algorithm>
#include <utility>

#include "text/normalizer.hpp"
#include "text/unicode_classes.hpp"
#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

constexpr std::string_view kMetaspace = "▁";

struct Range {
  size_t begin, end;
  bool is_match;
};
using Ranges = std::vector<Range>;

// Characters that `matches`, each a range of its own, and the runs between them.
template <class Matches>
Ranges characters(const std::string& text, Matches&& matches) {
  Ranges ranges;
  for (size_t at = 0; at < text.size();) {
    const Character c = char_at(reinterpret_cast<const uint8_t*>(text.data()) + at);
    const size_t end = at + static_cast<size_t>(c.bytes);
    const bool is_match = matches(c.code_point);
    if (!is_match && !ranges.empty() && !ranges.back().is_match) {
      ranges.back().end = end;
    } else {
      ranges.push_back({at, end, is_match});
    }
    at = end;
  }
  return ranges;
}

Ranges occurrences(const std::string& text, std::string_view pattern) {
  Ranges ranges;
  size_t done = 0;
  for (size_t at = text.find(pattern); at != std::string::npos; at = text.find(pattern, done)) {
    if (done < at) ranges.push_back({done, at, false});
    done = at + pattern.size();
    ranges.push_back({at, done, true});
  }
  if (done < text.size()) ranges.push_back({done, text.size(), false});
  return ranges;
}

Ranges merged(Ranges ranges, Behavior behavior) {
  const bool backwards = behavior == Behavior::merged_with_next;
  if (behavior == Behavior::removed) std::erase_if(ranges, [](const Range& range) { return range.is_match; });
  if (behavior == Behavior::removed || behavior == Behavior::isolated) return ranges;
  if (backwards) std::reverse(ranges.begin(), ranges.end());
  Ranges kept;
  bool was_match = false;
  for (const Range& range : ranges) {
    const bool joins = behavior == Behavior::contiguous ? range.is_match == was_match : range.is_match && !was_match;
    if (joins && !kept.empty()) {
      kept.back().begin = std::min(kept.back().begin, range.begin);
      kept.back().end = std::max(kept.back().end, range.end);
    } else {
      kept.push_back(range);
    }
    was_match = range.is_match;
  }
  if (backwards) std::reverse(kept.begin(), kept.end());
  return kept;
}

bool is_white(uint32_t code) {
  return (normal_traits(code) & kRustWhite) != 0;
}

bool is_punctuation(uint32_t code) {
  return (normal_traits(code) & kPunctuation) != 0;
}

// \w+|[^\w\s]+
Ranges words(const std::string& text) {
  const auto kind = [](uint32_t code) { return (char_traits(code) & kWord) != 0 ? 1 : is_white(code) ? 2 : 3; };
  Ranges ranges;
  int last = 0;
  for (size_t at = 0; at < text.size();) {
    const Character c = char_at(reinterpret_cast<const uint8_t*>(text.data()) + at);
    const size_t end = at + static_cast<size_t>(c.bytes);
    const int now = kind(c.code_point);
    if (now == last && now != 2) {
      ranges.back().end = end;
    } else if (now != 2) {
      ranges.push_back({at, end, false});
    }
    last = now;
    at = end;
  }
  return ranges;
}

Ranges cut_ranges(const std::string& text, Cut cut) {
  Ranges ranges;
  const auto* const begin = reinterpret_cast<const uint8_t*>(text.data());
  const auto* const end = begin + text.size();
  for (const uint8_t* p = begin; p < end;) {
    const uint8_t* const stop = piece_end(cut, p, end);
    ranges.push_back({static_cast<size_t>(p - begin), static_cast<size_t>(stop - begin), false});
    p = stop;
  }
  return ranges;
}

void append(std::vector<AlignedText>& pieces, const AlignedText& piece, const Ranges& ranges) {
  for (const Range& range : ranges) {
    if (range.begin < range.end) pieces.push_back(piece.slice(range.begin, range.end));
  }
}

void apply(const SplitStep& step, AlignedText piece, std::vector<AlignedText>& out) {
  switch (step.kind) {
    case StepKind::cut: return append(out, piece, cut_ranges(piece.bytes(), step.cut));
    case StepKind::byte_level:
      if (step.prefix_space && !piece.bytes().starts_with(' ')) piece.prepend(" ");
      return out.push_back(std::move(piece));
    case StepKind::metaspace: {
      piece.replace(" ", kMetaspace);
      const bool wants = step.prepend == Prepend::always || (step.prepend == Prepend::first && piece.starts_at_zero());
      if (wants && !piece.bytes().starts_with(kMetaspace)) piece.prepend(kMetaspace);
      if (!step.splits) return out.push_back(std::move(piece));
      return append(out, piece, merged(occurrences(piece.bytes(), kMetaspace), Behavior::merged_with_next));
    }
    case StepKind::whitespace_split: return append(out, piece, merged(characters(piece.bytes(), is_white), Behavior::removed));
    case StepKind::words: return append(out, piece, words(piece.bytes()));
    case StepKind::bert:
      for (const Range& word : merged(characters(piece.bytes(), is_white), Behavior::removed)) {
        const AlignedText part = piece.slice(word.begin, word.end);
        append(out, part, characters(part.bytes(), is_punctuation));
      }
      return;
    case StepKind::punctuation: return append(out, piece, merged(characters(piece.bytes(), is_punctuation), step.behavior));
    case StepKind::literal: return append(out, piece, merged(occurrences(piece.bytes(), step.pattern), step.behavior));
  }
}

}  // namespace

std::vector<AlignedText> split_pieces(const std::vector<SplitStep>& steps, AlignedText section) {
  std::vector<AlignedText> pieces;
  if (section.bytes().empty()) return pieces;
  pieces.push_back(std::move(section));
  for (const SplitStep& step : steps) {
    std::vector<AlignedText> cut;
    for (AlignedText& piece : pieces) apply(step, std::move(piece), cut);
    pieces.swap(cut);
  }
  return pieces;
}

}  // namespace ayar::text
