// One recognizer a kind. Each looks at a bounded stretch of the text and answers with the span that it is sure of, or an empty one.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "text/spans/digit_groups.hpp"
#include "text/spans/spans.hpp"

namespace ayar {

using Groups = std::vector<DigitGroup>;

// `at` is the position of the `@`. Letters of any script; the domain needs a dot and a last label of letters.
std::optional<Span> email_at(std::string_view text, size_t at);

// Group i is the first of the number. Turkish, British and North American national forms, and +cc or 00cc with that country's lengths.
std::optional<Span> phone_from(std::string_view text, const Groups& groups, size_t i);

// Luhn, a known issuer, and the groupings that cards are printed in.
std::optional<Span> card_from(std::string_view text, const Groups& groups, size_t i);

// Both check digits.
std::optional<Span> tc_id_from(std::string_view text, const Groups& groups, size_t i);

// `at` is the position of the two check digits behind the country's letters.
std::optional<Span> iban_around(std::string_view text, size_t at);

// A dotted quad from group i.
std::optional<Span> ipv4_from(std::string_view text, const Groups& groups, size_t i);

// `at` is the position of a `:`.
std::optional<Span> ipv6_around(std::string_view text, size_t at);

// `at` is the position of `://`: the `user:password` of an address.
std::optional<Span> url_user_after(std::string_view text, size_t at);

// `at` is the position of a `=`: the value of ?token=, &api_key= and their like.
std::optional<Span> url_secret_after(std::string_view text, size_t at);

}  // namespace ayar
