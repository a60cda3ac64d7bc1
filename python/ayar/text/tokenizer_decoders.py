"""From tokens back to text, as `tokenizers` decodes: each decoder turns a list of strings into another."""

from collections.abc import Callable, Sequence
from typing import Any

Decode = Callable[[Sequence[str]], list[str]]

_CLEANUPS = [(" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't")]
_CLEANUPS += [(" 's", "'s"), (" 've", "'ve"), (" 're", "'re")]


def byte_alphabet() -> dict[str, int]:
    """GPT-2's characters for the 256 bytes: a printable byte is its own character, the others follow from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in printable)
    return alphabet | {chr(0x100 + index): byte for index, byte in enumerate(others)}


def decoder_of(component: dict[str, Any] | None) -> Decode | None:
    """The decoder of a ``tokenizer.json``; None where it has none, and tokens are joined by spaces."""
    if component is None:
        return None
    if component["type"] == "Sequence":
        steps = [decoder_of(part) for part in component["decoders"]]

        def in_turn(tokens: Sequence[str]) -> list[str]:
            for step in steps:
                assert step is not None
                tokens = step(tokens)
            return list(tokens)

        return in_turn
    return _DECODERS[component["type"]](component)


def _byte_level(_: dict[str, Any]) -> Decode:
    alphabet = byte_alphabet()

    def decode(tokens: Sequence[str]) -> list[str]:
        raw = bytearray()
        for token in tokens:
            known = all(character in alphabet for character in token)
            raw += bytes(alphabet[character] for character in token) if known else token.encode()
        return [raw.decode("utf-8", "replace")]

    return decode


def _byte_fallback(_: dict[str, Any]) -> Decode:
    def decode(tokens: Sequence[str]) -> list[str]:
        out: list[str] = []
        raw = bytearray()

        def flush() -> None:
            try:
                out.append(raw.decode())
            except UnicodeDecodeError:
                out.extend("\ufffd" * len(raw))
            raw.clear()

        for token in tokens:
            byte = _byte_of(token)
            if byte is not None:
                raw.append(byte)
                continue
            if raw:
                flush()
            out.append(token)
        if raw:
            flush()
        return out

    return decode


def _byte_of(token: str) -> int | None:
    """``<0x41>``; a sign counts as a digit, for Rust's parser takes one."""
    if len(token.encode()) != 6 or not token.startswith("<0x") or not token.endswith(">"):
        return None
    digits = token[3:5].removeprefix("+") if token[3:5] != "+" else ""
    return int(digits, 16) if digits and all(digit in "0123456789abcdefABCDEF" for digit in digits) else None


def _fuse(_: dict[str, Any]) -> Decode:
    return lambda tokens: ["".join(tokens)]


def _metaspace(component: dict[str, Any]) -> Decode:
    replacement, drops_first = component["replacement"], component.get("prepend_scheme", "always") != "never"

    def decode(tokens: Sequence[str]) -> list[str]:
        return [token.replace(replacement, "" if index == 0 and drops_first else " ") for index, token in enumerate(tokens)]

    return decode


def _replace(component: dict[str, Any]) -> Decode:
    pattern, content = component["pattern"]["String"], component["content"]
    return lambda tokens: [token.replace(pattern, content) for token in tokens]


def _strip(component: dict[str, Any]) -> Decode:
    content, start, stop = component["content"], component["start"], component["stop"]

    def strip(token: str) -> str:
        begin, end = 0, len(token)
        while begin < min(start, len(token)) and token[begin] == content:
            begin += 1
        while len(token) - end < stop and end > begin and token[end - 1] == content:
            end -= 1
        return token[begin:end]

    return lambda tokens: [strip(token) for token in tokens]


def _wordpiece(component: dict[str, Any]) -> Decode:
    prefix, cleanup = component["prefix"], component["cleanup"]

    def clean(token: str) -> str:
        for before, after in _CLEANUPS if cleanup else ():
            token = token.replace(before, after)
        return token

    def decode(tokens: Sequence[str]) -> list[str]:
        spaced = [
            token if index == 0 else token[len(prefix) :] if token.startswith(prefix) else " " + token for index, token in enumerate(tokens)
        ]
        return [clean(token) for token in spaced]

    return decode


_DECODERS: dict[str, Callable[[dict[str, Any]], Decode]] = {
    "ByteLevel": _byte_level,
    "ByteFallback": _byte_fallback,
    "Fuse": _fuse,
    "Metaspace": _metaspace,
    "Replace": _replace,
    "Strip": _strip,
    "WordPiece": _wordpiece,
}
