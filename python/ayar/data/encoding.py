"""Finds the first line that is not in the encoding said, before any reader trips over it, and names the likely one."""

import codecs
from pathlib import Path

from ayar.errors import DataError

CHUNK_BYTES = 1 << 20
# In windows-1254 these bytes are Ğ İ Ş ğ ı ş; in windows-1252 they are letters that only Icelandic uses.
TURKISH_BYTES = b"\xd0\xdd\xde\xf0\xfd\xfe"


def check_encoding(path: Path, encoding: str) -> None:
    """Raises DataError with the 1-based line of the first byte sequence that ``encoding`` cannot read."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise DataError(
            f"source.encoding: Python knows no encoding {encoding}. Usual ones: utf-8, windows-1254, iso-8859-9, windows-1252, utf-16."
        ) from None
    lines = 1
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            try:
                lines += decoder.decode(chunk).count("\n")
            except UnicodeDecodeError as error:
                # error.object starts with bytes that the decoder had kept back from the chunk before
                line = lines + error.object[: error.start].count(b"\n")
                raise DataError(_not_in(path, encoding, line)) from None
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise DataError(_not_in(path, encoding, lines)) from None


def _not_in(path: Path, encoding: str, line: int) -> str:
    return (
        f"{path}, line {line}: not in {encoding}. Set source.encoding to the file's own, probably {likely_encoding(path)}, "
        "or set source.encoding_errors: replace to read broken bytes as U+FFFD."
    )


def likely_encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(CHUNK_BYTES)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        if head.isascii() is False and not path.stat().st_size > CHUNK_BYTES:
            return "utf-8"
    except UnicodeDecodeError:
        pass
    return "windows-1254" if any(byte in head for byte in TURKISH_BYTES) else "windows-1252"
