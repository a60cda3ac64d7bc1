// The byte-level alphabet of GPT-2: every byte has a printable character, and vocabularies are written in these characters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ayar::text {

std::string character_of_byte(uint8_t byte);  // in UTF-8
int character_bytes_of_byte(uint8_t byte);    // 1 or 2

// The bytes that a token's characters stand for; none where a character is not of the alphabet.
std::optional<std::string> bytes_of_token(std::string_view token);

}  // namespace ayar::text
