"""Writes code_pages.inc from this Python's codecs: python3 csrc/text/tables/generate_code_pages.py"""

from pathlib import Path

# Pages in which UTF-8 is often misread, and that are not the western family (mojibake.cpp knows that one by heart).
PAGES = ["cp1250", "iso8859-2", "cp1251", "cp1253", "cp1257", "mac-roman", "cp437"]


def main() -> None:
    bytes_of: dict[int, list[int]] = {}
    for index, page in enumerate(PAGES):
        for byte in range(0x80, 0x100):
            # A byte that the page leaves undefined reads as the control character of its number.
            code = ord(bytes([byte]).decode(page, "ignore") or chr(byte))
            bytes_of.setdefault(code, [0] * len(PAGES))[index] = byte
    lines = [
        "// The byte of a character in each page, 0 where it has none. Written by generate_code_pages.py; do not edit.",
        f"// Pages: {', '.join(PAGES)}.",
        f"constexpr int kOtherPages = {len(PAGES)};",
        "struct PageBytes {",
        "  char32_t code;",
        "  uint8_t bytes[kOtherPages];",
        "};",
        f"constexpr PageBytes kPageBytes[{len(bytes_of)}] = {{",
    ]
    entries = [f"{{{code:#06x}, {{{', '.join(map(str, bytes_))}}}}}" for code, bytes_ in sorted(bytes_of.items())]
    lines += ["    " + ", ".join(entries[i : i + 4]) + "," for i in range(0, len(entries), 4)]
    (Path(__file__).parent / "code_pages.inc").write_text("\n".join([*lines, "};", ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
