"""Writes compatibility.inc from this Python's unicodedata: python3.13 csrc/text/tables/generate_compatibility.py"""

import sys
import unicodedata
from pathlib import Path

WIDTH, LIGATURE = 1, 2
LIGATURES = [*range(0xFB00, 0xFB07), 0x132, 0x133, 0x149, *range(0x1C4, 0x1CD), *range(0x1F1, 0x1F4)]
HANGUL_FILLER = 0xFFA0  # its plain form is invisible too


def main() -> None:
    pool = b""
    entries = []
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if 0xD800 <= code < 0xE000 or unicodedata.normalize("NFKD", character) == unicodedata.normalize("NFD", character):
            continue
        plain = unicodedata.normalize("NFKC", character).encode()
        is_width = unicodedata.decomposition(character).startswith(("<wide>", "<narrow>")) and code != HANGUL_FILLER
        flags = (WIDTH if is_width else 0) | (LIGATURE if code in LIGATURES else 0)
        offset = pool.find(plain)
        if offset < 0:
            offset = len(pool)
            pool += plain
        entries.append(f"{{{code}, {offset}, {len(plain)}, {flags}}}")
    text = f"// Compatibility forms of Unicode {unicodedata.unidata_version}. Written by generate_compatibility.py; do not edit.\n"
    text += f"constexpr Form kForms[{len(entries)}] = {{\n"
    text += "".join("    " + ", ".join(entries[i : i + 8]) + ",\n" for i in range(0, len(entries), 8))
    text += "};\nconstexpr uint8_t kPlain[] = {\n"
    text += "".join("    " + ", ".join(map(str, pool[i : i + 32])) + ",\n" for i in range(0, len(pool), 32))
    (Path(__file__).parent / "compatibility.inc").write_text(text + "};\n", encoding="utf-8")


if __name__ == "__main__":
    main()
