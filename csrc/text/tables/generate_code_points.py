"""Writes code_points.inc and nfc.inc from this Python's unicodedata: python3.13 csrc/text/tables/generate_code_points.py"""

import sys
import unicodedata
from pathlib import Path

HERE = Path(__file__).parent
BLOCK = 128
ALL = range(sys.maxunicode + 1)
SURROGATES = range(0xD800, 0xE000)

# Kinds and flags: the same numbers as in code_points.hpp.
OTHER, UPPER, LOWER, LETTER, MARK, DIGIT = 1, 2, 3, 4, 5, 6
KINDS = {"Lu": UPPER, "Ll": LOWER, "Lt": LETTER, "Lm": LETTER, "Lo": LETTER, "Mn": MARK, "Mc": MARK, "Me": MARK, "Nd": DIGIT}
NFC_SLOW, INVISIBLE, SPACE, QUOTE, JOINER = 8, 16, 32, 64, 128

LINE_ENDS = [0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029]
SPACES = [0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000]
QUOTES = [*range(0x2018, 0x2020)]
VARIATION_SELECTORS = range(0xE0100, 0xE01F0)
INVISIBLES = [
    *(c for c in range(0x20) if c not in (0x09, 0x0A, *LINE_ENDS)),
    *(c for c in range(0x7F, 0xA0) if c not in LINE_ENDS),
    *(0xAD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F),
    *range(0x202A, 0x202F),  # bidirectional embeddings and overrides
    *range(0x2060, 0x2070),  # word joiner, invisible operators, bidirectional isolates
    *(0xFEFF, 0xFFF9, 0xFFFA, 0xFFFB),
    *range(0x1D173, 0x1D17B),  # musical formatting
    *range(0xE0000, 0xE0080),  # tag characters: text that no person sees
    *range(0xFDD0, 0xFDF0),  # noncharacters
    *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)),
]


def decomposition(code: int) -> list[int]:
    """The full canonical decomposition, Hangul syllables left whole (they go by arithmetic)."""
    mapping = unicodedata.decomposition(chr(code))
    if not mapping or mapping.startswith("<"):
        return [code]
    return [part for piece in mapping.split() for part in decomposition(int(piece, 16))]


def compositions() -> list[tuple[int, int, int]]:
    pairs = []
    for code in ALL:
        mapping = unicodedata.decomposition(chr(code))
        if not mapping or mapping.startswith("<") or len(mapping.split()) != 2:
            continue
        if unicodedata.normalize("NFC", chr(code)) == chr(code):  # else excluded from composition
            first, second = (int(piece, 16) for piece in mapping.split())
            pairs.append((first, second, code))
    return sorted(pairs)


def flags() -> bytearray:
    table = bytearray(len(ALL))
    seconds = {second for _, second, _ in compositions()} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    for code in ALL:
        category = unicodedata.category(chr(code))
        if category not in ("Cn", "Co", "Cs"):
            table[code] = KINDS.get(category, OTHER)
        if code in SURROGATES:
            continue
        if unicodedata.combining(chr(code)) or code in seconds or unicodedata.normalize("NFC", chr(code)) != chr(code):
            table[code] |= NFC_SLOW
    for codes, flag in [
        (INVISIBLES, INVISIBLE),
        (LINE_ENDS + SPACES, SPACE),
        (QUOTES, QUOTE),
        ([0x200C, 0x200D, *VARIATION_SELECTORS], JOINER),
    ]:
        for code in codes:
            table[code] |= flag
    return table


def rows(numbers: list[int] | list[str], width: int = 24) -> str:
    return "".join("    " + ", ".join(map(str, numbers[i : i + width])) + ",\n" for i in range(0, len(numbers), width))


def head(what: str) -> str:
    return f"// {what} of Unicode {unicodedata.unidata_version}. Written by generate_code_points.py; do not edit.\n"


def write_code_points() -> None:
    table = flags()
    blocks: dict[bytes, int] = {}
    index = [blocks.setdefault(bytes(table[start : start + BLOCK]), len(blocks)) for start in range(0, len(table), BLOCK)]
    text = head("Kinds and flags of code points")
    text += f'constexpr char kUnicodeVersion[] = "{unicodedata.unidata_version}";\n'
    text += f"constexpr uint16_t kBlockOf[{len(index)}] = {{\n{rows(index)}}};\n"
    text += f"constexpr uint8_t kBlocks[{len(blocks)}][{BLOCK}] = {{\n"
    text += "".join("  {" + ", ".join(map(str, block)) + "},\n" for block in blocks)
    (HERE / "code_points.inc").write_text(text + "};\n")


def write_nfc() -> None:
    classes = [(code, unicodedata.combining(chr(code))) for code in ALL if unicodedata.combining(chr(code))]
    pool: list[int] = []
    entries = []
    for code in ALL:
        if code in SURROGATES:
            continue
        parts = decomposition(code)
        if parts != [code]:
            entries.append((code, len(pool), len(parts)))
            pool += parts
    text = head("Canonical decomposition, composition and combining classes")
    for name, kind, items in [
        ("kCombiningClasses", "CombiningClass", classes),
        ("kDecompositions", "Decomposition", entries),
        ("kCompositions", "Composition", compositions()),
    ]:
        text += f"constexpr {kind} {name}[{len(items)}] = {{\n"
        text += rows(["{" + ", ".join(map(str, item)) + "}" for item in items], 8) + "};\n"
    text += f"constexpr char32_t kDecompositionPool[{len(pool)}] = {{\n{rows(pool)}}};\n"
    (HERE / "nfc.inc").write_text(text)


if __name__ == "__main__":
    write_code_points()
    write_nfc()
