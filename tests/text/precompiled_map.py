"""Writes the character map of SentencePiece: a double-array trie (the format of darts-clone) over replacements that end in a zero byte."""

import base64
import struct

_LEAF, _VALUE = 1 << 8, 1 << 31


def precompiled_map(replacements: dict[str, str]) -> bytes:
    """The map that replaces each key, which must not be empty, by its value."""
    trie: dict[int, dict] = {}
    pool = b""
    for key, value in replacements.items():
        node = trie
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[0] = len(pool)  # type: ignore[assignment]
        pool += value.encode() + b"\0"
    units: dict[int, int] = {0: 0}
    _place(trie, 0, units)
    size = (max(units) | 255) + 1
    array = struct.pack(f"<{size}I", *(units.get(place, 0) for place in range(size)))
    return struct.pack("<I", len(array)) + array + pool


def component(raw: bytes) -> dict[str, str]:
    """As a tokenizer.json has it."""
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(raw).decode()}


def _place(node: dict, place: int, units: dict[int, int]) -> None:
    """Finds a base at which all children are free; the unit at ``place`` gets the way there."""
    base = next(base for base in range(1, 1 << 20) if all(base ^ byte not in units for byte in node))
    units[place] |= (place ^ base) << 10 | (_LEAF if 0 in node else 0)
    for byte, child in node.items():
        units[base ^ byte] = child | _VALUE if byte == 0 else byte
    for byte, child in node.items():
        if byte:
            _place(child, base ^ byte, units)
