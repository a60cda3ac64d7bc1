// Personal data that grammar or a checksum proves: e-mail addresses, telephone numbers, IBANs, payment cards, Turkish identity numbers, IP
// addresses, and credentials in web addresses. One pass over a text, linear in its length.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/text_batch.hpp"

namespace ayar {

// In order of priority: of two spans of one length that overlap, the earlier kind stays.
enum class SpanKind : uint8_t { iban, card, tc_id, email, url_credentials, ip, phone };
constexpr std::array<const char*, 7> kSpanKindNames = {"IBAN", "CARD", "TC_ID", "EMAIL", "URL_CREDENTIALS", "IP", "PHONE"};

// Bytes [begin, end) of a text.
struct Span {
  size_t begin, end;
  SpanKind kind;
};

// The spans of a text, in order, none overlapping another: the longest first, then by priority. Any bytes will do; ill-formed UTF-8 ends a
// span.
std::vector<Span> find_spans(std::string_view text);

// The spans of a batch, by row and then by position.
struct BatchSpans {
  std::vector<int64_t> row;
  std::vector<int32_t> begin, end;
  std::vector<uint8_t> kind;
};
BatchSpans find_spans(const TextBatch& texts);

}  // namespace ayar
