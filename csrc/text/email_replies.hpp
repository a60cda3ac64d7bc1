// E-mail: what the writer quotes, and the signature.
#pragma once

#include <string>
#include <string_view>

#include "text/rewrite.hpp"

namespace ayar {

// Cuts the trail of quoted messages where two signs agree: a line that says who wrote (`On ... wrote:`, `... tarihinde ... yazdı:`) before
// quoted lines, a separator (`-----Original Message-----`) before a head, or a head of three fields (`From: Sent: Subject:`,
// `Kimden: Tarih: Konu:`). Quoted lines end where unquoted text goes on, and that text stays. Cuts a signature behind `-- ` and what a
// telephone adds (`Sent from my iPhone`). What would leave nothing is left alone. Well-formed UTF-8 in; false where nothing changes.
bool cut_replies(std::string_view text, std::string& out, Tally& tally);

}  // namespace ayar
