#include "text/code_pages.hpp"

#include <vector>

namespace ayar {
namespace {
#include "text/tables/code_pages.inc"
static_assert(kOtherPages + 1 == kCodePages);

// Windows-1252's images of 80 to 9F, and the six letters of the Turkish pages; the rest of the western family is Unicode's own number.
struct WesternByte {
  char32_t code;
  uint8_t byte;
};
constexpr WesternByte kWesternBytes[] = {{0x20AC, 0x80}, {0x201A, 0x82}, {0x0192, 0x83}, {0x201E, 0x84}, {0x2026, 0x85}, {0x2020, 0x86},
                                         {0x2021, 0x87}, {0x02C6, 0x88}, {0x2030, 0x89}, {0x0160, 0x8A}, {0x2039, 0x8B}, {0x0152, 0x8C},
                                         {0x017D, 0x8E}, {0x2018, 0x91}, {0x2019, 0x92}, {0x201C, 0x93}, {0x201D, 0x94}, {0x2022, 0x95},
                                         {0x2013, 0x96}, {0x2014, 0x97}, {0x02DC, 0x98}, {0x2122, 0x99}, {0x0161, 0x9A}, {0x203A, 0x9B},
                                         {0x0153, 0x9C}, {0x017E, 0x9E}, {0x0178, 0x9F}, {0x011E, 0xD0}, {0x0130, 0xDD}, {0x015E, 0xDE},
                                         {0x011F, 0xF0}, {0x0131, 0xFD}, {0x015F, 0xFE}};

// √ ≈ ƒ ‚ ◊ ÿ Ÿ. The other leads of MacRoman are quotation marks and letters that stand beside accented letters in clean text.
bool is_mac_lead(uint8_t byte) {
  return byte == 0xC3 || byte == 0xC5 || byte == 0xC4 || byte == 0xE2 || byte == 0xD7 || byte == 0xD8 || byte == 0xD9;
}

// All characters of all pages lie in two ranges, but for three that no lead or continuation needs.
constexpr char32_t kLowEnd = 0x04A0, kHighBegin = 0x2000, kHighEnd = 0x2600;

struct Entry {
  uint8_t bytes[kCodePages] = {};
  uint8_t leads = 0, continuations = 0;  // one bit a page
};

const Entry* entries() {
  static const std::vector<Entry> table = [] {
    std::vector<Entry> made(kLowEnd + kHighEnd - kHighBegin);
    const auto at = [&made](char32_t code) -> Entry* {
      if (code < kLowEnd) return &made[code];
      return code >= kHighBegin && code < kHighEnd ? &made[kLowEnd + code - kHighBegin] : nullptr;
    };
    for (char32_t code = 0x80; code < 0x100; ++code) at(code)->bytes[kWestern] = static_cast<uint8_t>(code);
    for (const WesternByte& entry : kWesternBytes) at(entry.code)->bytes[kWestern] = entry.byte;
    for (const PageBytes& entry : kPageBytes) {
      Entry* const found = at(entry.code);
      for (int page = 0; found != nullptr && page < kOtherPages; ++page) found->bytes[page + 1] = entry.bytes[page];
    }
    for (Entry& entry : made) {
      for (int page = 0; page < kCodePages; ++page) {
        const uint8_t byte = entry.bytes[page];
        if (byte >= 0xC2 && byte <= 0xF4 && (page != kMacRoman || is_mac_lead(byte))) entry.leads |= static_cast<uint8_t>(1 << page);
        if (byte >= 0x80 && byte <= 0xBF) entry.continuations |= static_cast<uint8_t>(1 << page);
      }
    }
    return made;
  }();
  return table.data();
}

const Entry* const kEntries = entries();

const Entry* entry_of(char32_t code) {
  if (code < kLowEnd) return kEntries + code;
  return code >= kHighBegin && code < kHighEnd ? kEntries + (kLowEnd + code - kHighBegin) : nullptr;
}

}  // namespace

uint8_t page_byte(char32_t code, CodePage page) {
  const Entry* const entry = entry_of(code);
  return entry != nullptr ? entry->bytes[page] : 0;
}

char32_t windows_1252(uint8_t byte) {
  struct Images {
    char32_t of[32] = {};
    constexpr Images() {
      for (const WesternByte& entry : kWesternBytes) {
        if (entry.byte < 0xA0) of[entry.byte - 0x80] = entry.code;
      }
    }
  };
  static constexpr Images images;
  return byte >= 0x80 && byte < 0xA0 ? images.of[byte - 0x80] : 0;
}

bool starts_mojibake(char32_t first, char32_t second) {
  const Entry* const lead = entry_of(first);
  const Entry* const continuation = entry_of(second);
  return lead != nullptr && continuation != nullptr && (lead->leads & continuation->continuations) != 0;
}

}  // namespace ayar
