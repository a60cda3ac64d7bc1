"""Writes normalizer_tables.inc: how the `tokenizers` wheel normalizes every code point. Run: python csrc/text/generate_normalizer_tables.py

NFC and its kin come from an old crate (Unicode 12 at most, newer marks have class 0), BERT's categories from an older one (about 8),
lower case from Rust's standard library. So everything is asked from the wheel; only the values of combining classes, which Unicode
promises never to change, come from Python.
"""

import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import tokenizers
from generate_unicode_classes import BLOCK, CODE_POINTS, wrapped
from tokenizers import normalizers
from tokenizers.pre_tokenizers import BertPreTokenizer, WhitespaceSplit

REMOVED, SPACED, MARK, IDEOGRAPH, PUNCTUATION, WHITE, COMBINING, CHANGES = (1 << bit for bit in range(8))
LOW_MARK, HIGH_MARK = "\u0334", "\u0345"  # combining classes 1 and 240: the ends between which a mark is moved


def bert(**switches: bool) -> normalizers.BertNormalizer:
    off = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return normalizers.BertNormalizer(**(off | switches))


def combining_classes() -> dict[int, int]:
    """Code points that the wheel moves in canonical order."""
    nfd = normalizers.NFD().normalize_str
    found = {}
    for c in CODE_POINTS:
        value = unicodedata.combining(chr(c))
        if value and (nfd(f"a{chr(c)}{LOW_MARK}") != f"a{chr(c)}{LOW_MARK}" or nfd(f"a{HIGH_MARK}{chr(c)}") != f"a{HIGH_MARK}{chr(c)}"):
            found[c] = value
    return found | {ord(LOW_MARK): 1, ord(HIGH_MARK): 240}


def mapped(normalizer: normalizers.Normalizer) -> dict[int, str]:
    """Code points that are not their own image; Hangul syllables, which are arithmetic, left out."""
    images = ((c, normalizer.normalize_str(chr(c))) for c in CODE_POINTS if not 0xAC00 <= c <= 0xD7A3)
    return {c: image for c, image in images if image != chr(c)}


def compositions(canonical: dict[int, str]) -> list[tuple[int, int, int]]:
    nfc = normalizers.NFC().normalize_str
    found = []
    for c, image in canonical.items():
        first = nfc(image[:-1])
        if len(first) == 1 and nfc(first + image[-1]) == chr(c):
            found.append((ord(first), ord(image[-1]), c))
    return sorted(found)


def traits(changing: set[int]) -> bytearray:
    cleaned, accents, ideographs = (bert(**{name: True}) for name in ("clean_text", "strip_accents", "handle_chinese_chars"))
    strip, lower = normalizers.StripAccents(), normalizers.Lowercase()
    values = bytearray(sys.maxunicode + 1)
    for c in CODE_POINTS:
        character = chr(c)
        clean = cleaned.normalize_str(character)
        values[c] |= REMOVED if clean == "" else SPACED if clean == " " else 0
        values[c] |= MARK if accents.normalize_str(character) == "" else 0
        values[c] |= IDEOGRAPH if ideographs.normalize_str(character) != character else 0
        values[c] |= COMBINING if strip.normalize_str(character) == "" else 0
        values[c] |= CHANGES if c in changing or lower.normalize_str(character) != character else 0
    text = "a" + "".join(chr(c) + "a" for c in CODE_POINTS)
    white = {ord(text[i]) for (_, (_, i)), (_, (j, _)) in pairwise(WhitespaceSplit().pre_tokenize_str(text)) if j > i}
    cut = {ord(piece) for piece, _ in BertPreTokenizer().pre_tokenize_str(text) if len(piece) == 1 and piece != "a"}
    for c in white:
        values[c] |= WHITE
    for c in cut:
        values[c] |= PUNCTUATION
    return values


def two_stage(name: str, values: bytearray) -> list[str]:
    blocks: dict[bytes, int] = {}
    index = [blocks.setdefault(bytes(values[i : i + BLOCK]), len(blocks)) for i in range(0, len(values), BLOCK)]
    assert len(blocks) <= 256
    return [
        f"inline constexpr uint8_t k{name}Block[{len(index)}] = {{",
        *wrapped(index),
        "};",
        f"inline constexpr uint8_t k{name}Of[{len(blocks)}][{BLOCK}] = {{",
        *(line for block in blocks for line in ("{", *wrapped(block), "},")),
        "};",
    ]


def rows(kind: str, name: str, entries: list[str]) -> list[str]:
    lines = ["".join(entries[i : i + 8]) for i in range(0, len(entries), 8)]
    return [f"inline constexpr {kind} {name}[] = {{", *lines, "};"]


def images(name: str, mapping: dict[int, str], pool: list[int]) -> list[str]:
    entries = []
    for c, image in sorted(mapping.items()):
        entries.append(f"{{{c},{len(pool)},{len(image)}}},")
        pool.extend(map(ord, image))
    return rows("Image", f"k{name}", entries)


def main() -> None:
    canonical, compatible = mapped(normalizers.NFD()), mapped(normalizers.NFKD())
    classes = combining_classes()
    composed = compositions(canonical)
    # what NFC may change: decomposes to something else than itself again, combines backwards, or is moved
    nfc = normalizers.NFC().normalize_str
    changing = {c for c in CODE_POINTS if nfc(chr(c)) != chr(c)} | set(classes) | {second for _, second, _ in composed}
    changing |= set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    pool: list[int] = []
    slow = bytearray(sys.maxunicode + 1)
    for c in changing:
        slow[c] = 1
    lines = [
        f"// Generated by generate_normalizer_tables.py from tokenizers {tokenizers.__version__}. Do not edit.",
        *two_stage("NormalTraits", traits(set())),
        *two_stage("NfcSlow", slow),
        *rows("CombiningClass", "kCombiningClasses", [f"{{{c},{value}}}," for c, value in sorted(classes.items())]),
        *rows("Composition", "kCompositions", [f"{{{a},{b},{c}}}," for a, b, c in composed]),
        *images("Canonical", canonical, pool),
        *images("Compatible", {c: image for c, image in compatible.items() if image != canonical.get(c)}, pool),
        *images("Lower", mapped(normalizers.Lowercase()), pool),
        *rows("char32_t", "kImagePool", [f"{c}," for c in pool]),
    ]
    (Path(__file__).parent / "normalizer_tables.inc").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
