#include "text/block_splitter.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "text/unicode_classes.hpp"
#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

const std::vector<Cut>& cuts_of(Family family) {
  static const std::vector<Cut> cuts[] = {{Cut::gpt2},
                                          {Cut::digits_single, Cut::gpt2},
                                          {Cut::llama3},
                                          {Cut::qwen2},
                                          {Cut::o200k},
                                          {Cut::tekken},
                                          {Cut::number_triples, Cut::cjk_runs, Cut::deepseek}};
  return cuts[static_cast<size_t>(family)];
}

// What the algebra tells apart in characters that are not ASCII.
enum Kind : uint8_t { kOtherKind, kLowerKind, kUpperKind, kBothKind, kIdeographKind, kRareKind, kKinds };

constexpr bool has_case(Family family) {
  return family == Family::o200k || family == Family::tekken;
}

template <Family family>
Kind kind_of(uint32_t code_point) {
  const uint8_t traits = char_traits(code_point);
  const uint8_t kind = traits & kClassMask;
  if constexpr (family == Family::deepseek) {
    const bool is_letter = kind == kLetter || (traits & kMark) != 0;
    if ((code_point >= 0x4E00 && code_point <= 0x9FA5) || (code_point >= 0x3040 && code_point <= 0x30FF)) {
      return is_letter ? kIdeographKind : kRareKind;  // the last pattern cuts inside of the runs of the second
    }
    if (is_letter) return kBothKind;
    return (traits & kPunct) != 0 ? kOtherKind : kRareKind;
  }
  if (kind == kWhite || (traits & kNumeric) != 0 || kind == kNumber) return kRareKind;
  if (kind == kLetter) return (traits & kLower) != 0 ? kLowerKind : (traits & kUpper) != 0 ? kUpperKind : kBothKind;
  return has_case(family) && (traits & kMark) != 0 ? kRareKind : kOtherKind;
}

struct Block {
  uint64_t letter, digit, white, other, ideograph;  // every byte is in one of them, or in a rare character
  uint64_t upper, lower, both;                      // of the letters
  uint64_t space, newline, apostrophe, slash, continuation, high, ascii_letter;
  uint64_t rare;  // characters that only the plain version knows
};

constexpr Block kBeyond = {.letter = 0,
                           .digit = 0,
                           .white = ~uint64_t{0},
                           .other = 0,
                           .ideograph = 0,
                           .upper = 0,
                           .lower = 0,
                           .both = 0,
                           .space = 0,
                           .newline = 0,
                           .apostrophe = 0,
                           .slash = 0,
                           .continuation = 0,
                           .high = 0,
                           .ascii_letter = 0,
                           .rare = 0};

// Reads block after block of a section.
template <Family family>
class BlockReader {
 public:
  BlockReader(const uint8_t* begin, const uint8_t* end, AsciiMasksOf ascii_masks) : at_(begin), end_(end), ascii_masks_(ascii_masks) {}

  Block next() {
    if (at_ >= end_) return kBeyond;
    AsciiMasks ascii;
    uint64_t inside = ~uint64_t{0};
    if (end_ - at_ >= 64) {
      ascii_masks_(at_, ascii);
    } else {
      uint8_t padded[64] = {};
      std::memcpy(padded, at_, static_cast<size_t>(end_ - at_));
      ascii_masks_(padded, ascii);
      inside = (uint64_t{1} << (end_ - at_)) - 1;
    }
    uint64_t kinds[kKinds] = {0, ascii.lower, ascii.upper, 0, 0, 0};
    uint64_t continuation = 0;
    if ((ascii.high | spill_bytes_) != 0) characters(ascii.high, kinds, continuation);
    Block block;
    block.upper = kinds[kUpperKind];
    block.lower = kinds[kLowerKind];
    block.both = kinds[kBothKind];
    block.letter = block.upper | block.lower | block.both;
    block.digit = ascii.digit;
    block.white = ascii.space | ascii.newline | ascii.blank | ~inside;
    block.ideograph = kinds[kIdeographKind];
    block.space = ascii.space;
    block.newline = ascii.newline;
    block.apostrophe = ascii.apostrophe;
    block.slash = ascii.slash;
    block.continuation = continuation;
    block.high = ascii.high;
    block.ascii_letter = ascii.upper | ascii.lower;
    block.rare = kinds[kRareKind];
    if constexpr (family == Family::deepseek) block.rare |= ascii.control & inside;  // in no class of its pattern
    block.other = ~(block.letter | block.digit | block.white | block.ideograph | block.rare);
    at_ += 64;
    return block;
  }

 private:
  void characters(uint64_t high, uint64_t* kinds, uint64_t& continuation) {
    int bit = 0;
    if (spill_bytes_ > 0) {  // what the last character of the block before left over
      const uint64_t bits = (uint64_t{1} << spill_bytes_) - 1;
      kinds[spill_kind_] |= bits;
      continuation |= bits;
      bit = spill_bytes_;
      spill_bytes_ = 0;
    }
    for (high &= ~uint64_t{0} << bit; high != 0;) {
      bit = std::countr_zero(high);
      const Character c = char_at(at_ + bit);
      const Kind kind = kind_of<family>(c.code_point);
      const uint64_t bits = ((uint64_t{1} << c.bytes) - 1) << bit;
      kinds[kind] |= bits;
      continuation |= bits & ~(uint64_t{1} << bit);
      bit += c.bytes;
      if (bit >= 64) {
        spill_bytes_ = bit - 64;
        spill_kind_ = kind;
        return;
      }
      high &= ~uint64_t{0} << bit;
    }
  }

  const uint8_t* at_;
  const uint8_t* end_;
  AsciiMasksOf ascii_masks_;
  int spill_bytes_ = 0;
  Kind spill_kind_ = kOtherKind;
};

// Each bit moved up by one; the highest of the block before comes in.
uint64_t after(uint64_t mask, uint64_t mask_before) {
  return mask << 1 | mask_before >> 63;
}

// Bytes of a contraction at an apostrophe; 0 where there is none. Ignoring case, ſ (C5 BF) is an s.
int contraction_bytes(const uint8_t* p, const uint8_t* end, bool ignore_case) {
  const auto letter = [&](int at) { return end - p > at ? (ignore_case && p[at] >= 'A' && p[at] <= 'Z' ? p[at] | 0x20 : p[at]) : 0; };
  const int first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return 3;
  return ignore_case && first == 0xC5 && second == 0xBF ? 3 : 0;
}

// Carried from block to block, besides the masks of the block before.
struct Carry {
  uint64_t forced = 0;        // starts behind a contraction that reach into this block
  uint64_t lone = 0;          // the last byte belongs to the first character of a run of others: it glues to a word behind it
  bool attached = false;      // newlines that belong to the punctuation before them go on
  bool glued_ascii = false;   // DeepSeek: a word glued to ASCII punctuation goes on
  int digits = 0;             // of the run that goes on, modulo three
  int64_t no_suffix_at = -1;  // o200k: where an apostrophe starts a token whatever stands before it
};

template <Family family>
class Algebra {
 public:
  Algebra(const uint8_t* begin, const uint8_t* end) : begin_(begin), end_(end) {}

  Carry carry;

  // The starts in `now`, whose first byte is begin + at; those up to `known` are known already and may come out wrong.
  // Sets is_rare where only the plain version knows.
  uint64_t starts(const Block& before, const Block& now, const Block& next, int64_t at, int64_t known, bool& is_rare) {
    from_known_ = known <= at ? ~uint64_t{0} : known < at + 64 ? ~uint64_t{0} << (known - at) : 0;
    is_rare = now.rare != 0 || (now.white >> 63 != 0 && (next.rare & 1) != 0);
    if constexpr (family == Family::gpt2 || family == Family::smollm) return gpt2(before, now, next, at);
    return llama3(before, now, next, at, is_rare);
  }

  // A token starts at `start`, in a block behind this one: the plain version says so.
  void resume(int64_t start) {
    carry.forced = blocked_ = 0;
    carry.no_suffix_at = start;
  }

 private:
  static constexpr bool kDeepseek = family == Family::deepseek;
  static constexpr bool kTriples = family == Family::llama3 || family == Family::o200k || kDeepseek;

  uint64_t gpt2(const Block& before, const Block& now, const Block& next, int64_t at) {
    const uint64_t before_space = after(now.space, before.space);
    const uint64_t last_white = now.white & ~(now.white >> 1 | next.white << 63);
    uint64_t words = (now.letter & ~after(now.letter, before.letter)) | (now.other & ~after(now.other, before.other));
    uint64_t starts = now.white & ~after(now.white, before.white);
    if constexpr (family == Family::smollm) {
      starts |= now.digit | (words & ~before_space) | (last_white & ~(now.digit >> 1 | next.digit << 63));
    } else {
      words |= now.digit & ~after(now.digit, before.digit);
      starts |= (words & ~before_space) | last_white;
    }
    return with_contractions(starts & ~take_blocked(), at, false, starts & now.apostrophe);
  }

  uint64_t with_contractions(uint64_t starts, int64_t at, bool ignore_case, uint64_t apostrophes) {
    uint64_t forced = carry.forced;
    carry.forced = 0;
    for (apostrophes &= from_known_; apostrophes != 0; apostrophes &= apostrophes - 1) {
      const int bit = std::countr_zero(apostrophes);
      const int bytes = contraction_bytes(begin_ + at + bit, end_, ignore_case);
      if (bytes == 0) continue;
      const uint64_t inside = ((uint64_t{1} << bytes) - 1) << bit & ~(uint64_t{1} << bit);
      starts &= ~inside;
      force(bit + bytes, forced);
    }
    return starts | forced;
  }

  // Every third digit of each run, from its first.
  uint64_t triples(const Block& before, const Block& now) {
    const uint64_t first = now.digit & ~after(now.digit, before.digit);
    uint64_t found = first;
    uint64_t step = first;
    if ((now.digit & 1) != 0 && (before.digit >> 63) != 0) {
      const int offset = (3 - carry.digits) % 3;
      if (std::countr_one(now.digit) > offset) {
        step |= uint64_t{1} << offset;
        found |= uint64_t{1} << offset;
      }
    }
    const uint64_t runs = now.digit & now.digit << 1 & now.digit << 2;  // this digit and the two before it
    const uint64_t thirds = runs & now.digit << 3;
    while ((step = step << 3 & thirds) != 0) found |= step;
    const int trailing = std::countl_one(now.digit);
    carry.digits = trailing == 64 ? ((before.digit >> 63 != 0 ? carry.digits : 0) + 64) % 3 : trailing % 3;
    return found;
  }

  uint64_t llama3(const Block& before, const Block& now, const Block& next, int64_t at, bool& is_rare) {
    const uint64_t after_letter = after(now.letter, before.letter), after_other = after(now.other, before.other);
    const uint64_t after_white = after(now.white, before.white), after_newline = after(now.newline, before.newline);
    const uint64_t after_space = after(now.space, before.space);
    uint64_t starts = 0;

    // numbers
    if constexpr (kTriples) {
      starts |= triples(before, now);
    } else {
      starts |= now.digit;
    }

    // words: a first character that is no letter, number or newline glues to them where it starts a token
    uint64_t lone = now.other & ~after_other & ~after_space;
    if constexpr (kDeepseek) lone &= ~now.high;
    lone |= carry.lone & now.continuation;
    for (int i = 0; i < 3; ++i) lone |= lone << 1 & now.continuation;
    const uint64_t word = now.letter & ~after_letter;
    uint64_t glued = word & (lone << 1 | carry.lone);
    if constexpr (kDeepseek) glued &= now.ascii_letter;
    carry.lone = lone >> 63;
    starts |= word & ~glued & ~(after_white & ~after_newline);
    if constexpr (has_case(family)) {
      starts |= now.upper & after(now.lower, before.lower);
      is_rare |= ((now.upper & after(now.both, before.both)) | (now.both & after(now.upper, before.upper))) != 0;
      is_rare |= (now.slash & after_newline) != 0;
    }
    if constexpr (kDeepseek) {
      starts |= now.ideograph & ~after(now.ideograph, before.ideograph);
      // a word glued to punctuation ends where its ASCII letters end
      uint64_t sum = 0;
      const uint64_t first = glued | (carry.glued_ascii ? 1 : 0);
      const bool goes_on = __builtin_add_overflow(now.ascii_letter, first & now.ascii_letter, &sum);
      starts |= sum & ~now.ascii_letter & now.letter;
      if (carry.glued_ascii && (now.ascii_letter & 1) == 0) starts |= now.letter & 1;
      carry.glued_ascii = goes_on;
    }

    // punctuation, and the newlines that belong to it
    starts |= now.other & ~after_other & ~after_space;
    const uint64_t attached = (now.newline & after_other) | (carry.attached ? now.newline & 1 : 0);
    uint64_t sum = 0;
    const bool goes_on = __builtin_add_overflow(now.newline, attached, &sum);
    starts |= sum & ~now.newline;
    if (carry.attached && (now.newline & 1) == 0) starts |= 1;
    carry.attached = goes_on;

    // white space: to the last newline of a run, then all but the last character, then that
    starts |= now.white & ~after_white & ~(after_other & now.newline);
    const uint64_t blank = now.white & ~now.newline;
    for (uint64_t left = blank & after_newline; left != 0; left &= left - 1) {
      const int bit = std::countr_zero(left);
      const int run = std::countr_one(blank >> bit);
      if (bit + run < 64) {
        if ((now.newline >> (bit + run) & 1) == 0) starts |= uint64_t{1} << bit;
        continue;
      }
      const uint64_t next_blank = next.white & ~next.newline;
      const int rest = std::countr_one(next_blank);
      if (rest == 64 || (next.rare >> rest & 1) != 0) {
        is_rare = true;
      } else if ((next.newline >> rest & 1) == 0) {
        starts |= uint64_t{1} << bit;
      }
    }
    uint64_t followed = ~(now.white >> 1 | next.white << 63);
    if constexpr (kDeepseek) followed &= ~((now.digit | now.ideograph) >> 1 | (next.digit | next.ideograph) << 63);
    starts |= blank & followed;

    if constexpr (family == Family::llama3 || family == Family::qwen2) {
      starts = with_contractions(starts & ~take_blocked(), at, true, starts & now.apostrophe);
    } else if constexpr (family == Family::o200k) {
      starts = with_suffixes(starts & ~take_blocked(), at, now.apostrophe & after_letter);
    }
    return starts;
  }

  // A start at `bit`, which may lie in the next block; nothing before it there is one.
  void force(int bit, uint64_t& forced) {
    if (bit < 64) {
      forced |= uint64_t{1} << bit;
    } else {
      carry.forced |= uint64_t{1} << (bit - 64);
      blocked_ = (uint64_t{1} << (bit - 64)) - 1;
    }
  }

  uint64_t take_blocked() {
    const uint64_t blocked = blocked_;
    blocked_ = 0;
    return blocked;
  }

  uint64_t with_suffixes(uint64_t starts, int64_t at, uint64_t apostrophes) {
    uint64_t forced = carry.forced;
    carry.forced = 0;
    for (apostrophes &= from_known_; apostrophes != 0; apostrophes &= apostrophes - 1) {
      const int bit = std::countr_zero(apostrophes);
      if (at + bit == carry.no_suffix_at) continue;
      const int bytes = contraction_bytes(begin_ + at + bit, end_, true);
      if (bytes == 0) continue;
      starts &= ~(((uint64_t{1} << bytes) - 1) << bit);
      carry.no_suffix_at = at + bit + bytes;
      force(bit + bytes, forced);
    }
    return starts | forced;
  }

  const uint8_t* begin_;
  const uint8_t* end_;
  uint64_t from_known_ = 0;  // the bytes from the last known start on
  uint64_t blocked_ = 0;     // bytes inside of a contraction that began in the block before
};

// The plain version, from token start to token start.
class PlainSteps {
 public:
  PlainSteps(const std::vector<Cut>& cuts, const uint8_t* begin, const uint8_t* end) : cuts_(cuts), end_(end) {
    for (const uint8_t*& stop : stops_) stop = begin;
  }
  const uint8_t* next(const uint8_t* p) {
    const uint8_t* limit = end_;
    for (size_t i = 0; i < cuts_.size(); ++i) {
      if (p >= stops_[i]) stops_[i] = piece_end(cuts_[i], p, limit);  // else p is inside of that piece still
      limit = stops_[i];
    }
    return limit;
  }

 private:
  const std::vector<Cut>& cuts_;
  const uint8_t* end_;
  const uint8_t* stops_[3];
};

bool is_digit(uint8_t byte) {
  return byte >= '0' && byte <= '9';
}

// Whether a token that starts at p depends on more than the characters around it: on where the triples of digits began, or on
// slashes that were taken as newlines are.
template <Family family>
bool is_amid(const uint8_t* p) {
  return (is_digit(p[0]) && is_digit(p[-1])) || (has_case(family) && p[-1] == '/');
}

}  // namespace

template <Family family>
void BlockSplitter::split_as(const uint8_t* begin, const uint8_t* end, uint32_t* ends, void* context, Flush flush) const {
  size_t count = 0;
  int64_t last = 0;  // the greatest start that is known
  const auto push = [&](int64_t start) {
    ends[count++] = static_cast<uint32_t>(start);
    last = start;
    if (count == kEnds) {
      flush(context, ends, count);
      count = 0;
    }
  };
  const int64_t size = end - begin;
  BlockReader<family> reader(begin, end, ascii_masks_);
  Algebra<family> algebra(begin, end);
  PlainSteps plain(cuts_of(family), begin, end);
  Block before = {}, now = reader.next();
  for (int64_t at = 0; at < size; at += 64) {
    const Block next = reader.next();
    bool is_rare = false;
    uint64_t starts = algebra.starts(before, now, next, at, last, is_rare);
    if (last < at + 64) {
      if (is_rare) {
        const int64_t stop = std::min(at + 64, size);
        while (last < stop || (last < size && is_amid<family>(begin + last))) push(plain.next(begin + last) - begin);
        algebra.resume(last);
      } else {
        if (last >= at) starts &= ~uint64_t{0} << (last - at) << 1;
        if (size - at < 64) starts &= (uint64_t{1} << (size - at)) - 1;
        for (; starts != 0; starts &= starts - 1) push(at + std::countr_zero(starts));
      }
    }
    before = now;
    now = next;
  }
  if (last < size) push(size);
  if (count > 0) flush(context, ends, count);
}

std::optional<Family> family_of(const std::vector<Cut>& cuts) {
  for (const Family family :
       {Family::gpt2, Family::smollm, Family::llama3, Family::qwen2, Family::o200k, Family::tekken, Family::deepseek}) {
    if (cuts == cuts_of(family)) return family;
  }
  return std::nullopt;
}

BlockSplitter::BlockSplitter(Family family, AsciiMasksOf ascii_masks) : ascii_masks_(ascii_masks) {
  constexpr Split splits[] = {&BlockSplitter::split_as<Family::gpt2>,    &BlockSplitter::split_as<Family::smollm>,
                              &BlockSplitter::split_as<Family::llama3>,  &BlockSplitter::split_as<Family::qwen2>,
                              &BlockSplitter::split_as<Family::o200k>,   &BlockSplitter::split_as<Family::tekken>,
                              &BlockSplitter::split_as<Family::deepseek>};
  split_ = splits[static_cast<size_t>(family)];
}

}  // namespace ayar::text
