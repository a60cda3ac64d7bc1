#include "text/characters.hpp"

#include "text/code_points.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

constexpr char32_t kZwnj = 0x200C, kZwj = 0x200D;

bool script_needs_joiners(char32_t code) {
  const Script script = script_of(code);
  return script == Script::arabic || script == Script::indic || script == Script::southeast_asian;
}

// Whether the joiner between `before` (the last character kept, 0 for none) and `after` says something.
bool joiner_is_needed(char32_t joiner, char32_t before, char32_t after) {
  if (joiner != kZwj && joiner != kZwnj) return script_of(before) == Script::east_asian;  // a variation selector
  if (joiner == kZwj && is_emoji(before) && is_emoji(after)) return true;
  return script_needs_joiners(before);
}

// The length of a terminal's control sequence (ECMA-48: ESC [ parameters final) at p, or 0.
size_t control_sequence(const char* p, const char* end) {
  if (end - p < 3 || p[0] != '\x1B' || p[1] != '[') return 0;
  const char* q = p + 2;
  while (q < end && *q >= 0x20 && *q <= 0x3F && q - p < 32) ++q;
  return q < end && *q >= 0x40 && *q <= 0x7E ? static_cast<size_t>(q + 1 - p) : 0;
}

// The first white space at or behind p.
const char* end_of_word(const char* p, const char* end) {
  while (p < end) {
    if (*p > ' ') {
      ++p;
    } else if (static_cast<uint8_t>(*p) >= 0x80) {
      const utf8::Decoded next = utf8::decode(p, end);
      if ((code_point_byte(next.code) & kIsSpace) != 0) return p;
      p += next.length;
    } else {
      if (*p == ' ' || *p == '\t' || *p == '\n' || (code_point_byte(static_cast<uint8_t>(*p)) & kIsSpace) != 0) return p;
      ++p;
    }
  }
  return p;
}

}  // namespace

bool drop_invisible(std::string_view text, std::string& out) {
  const char* const end = text.data() + text.size();
  const char* copied = text.data();
  char32_t before = 0;
  bool changed = false;
  for (const char* p = text.data(); p < end;) {
    if (*p >= ' ' && *p < 0x7F) {
      before = static_cast<char32_t>(*p++);
      continue;
    }
    const utf8::Decoded next = utf8::decode(p, end);
    const uint8_t flags = code_point_byte(next.code);
    size_t dropped = 0;
    if (flags & kIsInvisible) {
      const size_t sequence = control_sequence(p, end);
      dropped = sequence != 0 ? sequence : next.length;
    } else if (flags & kIsJoiner) {
      const char* after = p + next.length;
      if (!joiner_is_needed(next.code, before, after < end ? utf8::decode(after, end).code : 0)) dropped = next.length;
    }
    if (dropped == 0) {
      before = next.code;
      p += next.length;
      continue;
    }
    if (!changed) out.clear();
    changed = true;
    out.append(copied, p);
    p += dropped;
    copied = p;
  }
  if (changed) out.append(copied, end);
  return changed;
}

bool tidy_white_space(std::string_view text, std::string& out) {
  const char* const end = text.data() + text.size();
  out.clear();
  int line_ends = 0;
  char blank = 0;
  for (const char* p = text.data(); p < end;) {
    const char* const word = p;
    p = end_of_word(p, end);
    if (p > word) {
      if (!out.empty()) {
        if (line_ends > 0) {
          out.append(line_ends > 1 ? 2 : 1, '\n');
        } else if (blank != 0) {
          out += blank;
        }
      }
      line_ends = 0;
      blank = 0;
      out.append(word, p);
      continue;
    }
    const utf8::Decoded next = utf8::decode(p, end);
    p += next.length;
    const bool is_line_end = next.code == '\n' || next.code == '\r' || next.code == 0x0B || next.code == 0x0C || next.code == 0x85 ||
                             next.code == 0x2028 || next.code == 0x2029;
    if (is_line_end) {
      if (next.code == '\r' && p < end && *p == '\n') ++p;
      ++line_ends;
      blank = 0;
    } else if (blank == 0 || next.code == '\t') {
      blank = next.code == '\t' ? '\t' : ' ';
    }
  }
  return out != text;
}

bool straighten_quotes(std::string_view text, std::string& out) {
  constexpr std::string_view kLead = "\xE2\x80";  // U+2018 to U+201F end in 98 to 9F
  size_t copied = 0;
  for (size_t at = text.find(kLead); at != std::string_view::npos; at = text.find(kLead, at + 2)) {
    const auto last = static_cast<uint8_t>(text[at + 2]);
    if (last < 0x98 || last > 0x9F) continue;
    if (copied == 0) out.clear();
    out += text.substr(copied, at - copied);
    out += last < 0x9C ? '\'' : '"';
    copied = at + 3;
  }
  if (copied == 0) return false;
  out += text.substr(copied);
  return true;
}

}  // namespace ayar
