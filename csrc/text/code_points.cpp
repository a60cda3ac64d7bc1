#include "text/code_points.hpp"

namespace ayar {
namespace code_point_tables {
#include "text/tables/code_points.inc"
}
namespace {

struct ScriptRange {
  char32_t first, last;
  Script script;
};
constexpr ScriptRange kScripts[] = {
    {0x0041, 0x024F, Script::latin},        {0x0250, 0x02AF, Script::latin},      {0x0370, 0x03FF, Script::greek},
    {0x0400, 0x052F, Script::cyrillic},     {0x0530, 0x058F, Script::armenian},   {0x0590, 0x05FF, Script::hebrew},
    {0x0600, 0x08FF, Script::arabic},       {0x0900, 0x0DFF, Script::indic},      {0x0E00, 0x109F, Script::southeast_asian},
    {0x10A0, 0x10FF, Script::georgian},     {0x1100, 0x11FF, Script::hangul},     {0x1780, 0x18AF, Script::southeast_asian},
    {0x1C80, 0x1C8F, Script::cyrillic},     {0x1C90, 0x1CBF, Script::georgian},   {0x1E00, 0x1EFF, Script::latin},
    {0x1F00, 0x1FFF, Script::greek},        {0x2DE0, 0x2DFF, Script::cyrillic},   {0x3040, 0x312F, Script::east_asian},
    {0x3130, 0x318F, Script::hangul},       {0x31A0, 0x31FF, Script::east_asian}, {0x3400, 0x4DBF, Script::east_asian},
    {0x4E00, 0x9FFF, Script::east_asian},   {0xA640, 0xA69F, Script::cyrillic},   {0xA720, 0xA7FF, Script::latin},
    {0xAC00, 0xD7FF, Script::hangul},       {0xF900, 0xFAFF, Script::east_asian}, {0xFB00, 0xFB06, Script::latin},
    {0xFB1D, 0xFB4F, Script::hebrew},       {0xFB50, 0xFDFF, Script::arabic},     {0xFE70, 0xFEFC, Script::arabic},
    {0x20000, 0x323AF, Script::east_asian},
};
}  // namespace

Script script_of(char32_t code) {
  if (!is_letter(kind_of(code)) && kind_of(code) != Kind::mark) return Script::none;
  for (const ScriptRange& range : kScripts) {
    if (code <= range.last) return code >= range.first ? range.script : Script::none;
  }
  return Script::none;
}

bool is_emoji(char32_t code) {
  return (code >= 0x1F000 && code <= 0x1FAFF) || (code >= 0x2190 && code <= 0x2BFF) || code == 0xFE0F || code == 0x20E3 || code == 0xA9 ||
         code == 0xAE || code == 0x3030 || code == 0x303D;
}

const char* unicode_version() {
  return code_point_tables::kUnicodeVersion;
}

}  // namespace ayar
