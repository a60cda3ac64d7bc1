#include "text/byte_alphabet.hpp"

#include <array>

#include "text/valid_utf8.hpp"

namespace ayar::text {
namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<uint16_t, 256> code_point{};
  std::array<int16_t, 324> byte{};  // 256 + the 68 bytes that stand for nothing printable

  constexpr Alphabet() {
    byte.fill(-1);
    uint16_t next = 256;
    for (int b = 0; b < 256; ++b) {
      code_point[b] = stands_for_itself(b) ? static_cast<uint16_t>(b) : next++;
      byte[code_point[b]] = static_cast<int16_t>(b);
    }
  }
};
constexpr Alphabet kAlphabet;

}  // namespace

std::string character_of_byte(uint8_t byte) {
  const int c = kAlphabet.code_point[byte];
  if (c < 0x80) return {static_cast<char>(c)};
  return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
}

int character_bytes_of_byte(uint8_t byte) {
  return kAlphabet.code_point[byte] < 0x80 ? 1 : 2;
}

std::optional<std::string> bytes_of_token(std::string_view token) {
  std::string bytes;
  const auto* p = reinterpret_cast<const uint8_t*>(token.data());
  const auto* const end = p + token.size();
  while (p < end) {
    const Character c = char_at(p);
    if (c.code_point >= kAlphabet.byte.size() || kAlphabet.byte[c.code_point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kAlphabet.byte[c.code_point]));
    p += c.bytes;
  }
  return bytes;
}

}  // namespace ayar::text
