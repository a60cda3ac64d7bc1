// The single-byte pages in which UTF-8 is misread: the byte of a character in each, as one look-up.
#pragma once

#include <cstdint>

namespace ayar {

// `western` is latin-1, Windows-1252, Windows-1254 and ISO-8859-9 together: they never give one character two bytes.
enum CodePage : int { kWestern, kCp1250, kIso2, kCp1251, kCp1253, kCp1257, kMacRoman, kCp437, kCodePages };

// The byte (80 to FF) that stands for a character, or 0 for a character that the page lacks and for ASCII.
uint8_t page_byte(char32_t code, CodePage page);

// Windows-1252's character for a byte from 80 to 9F, or 0 where it has none.
char32_t windows_1252(uint8_t byte);

// Whether two adjacent characters could begin a misread character in any page: the cheap question to ask first.
bool starts_mojibake(char32_t first, char32_t second);

}  // namespace ayar
