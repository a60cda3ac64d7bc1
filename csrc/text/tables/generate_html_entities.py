"""Writes html_entities.inc, WHATWG's named character references, from html.entities: python3 csrc/text/tables/generate_html_entities.py"""

from html.entities import html5
from pathlib import Path


def main() -> None:
    names = sorted(html5, key=lambda name: name.encode())
    text = "// WHATWG's named character references, sorted. Written by generate_html_entities.py; do not edit.\n"
    text += f"constexpr HtmlEntity kHtmlEntities[{len(names)}] = {{\n"
    text += "".join(f'    {{"{name}", {{{", ".join(str(ord(c)) for c in html5[name])}}}}},\n' for name in names)
    text += "};\n"
    text += "// Where the names that begin with each ASCII letter start in the table.\n"
    starts = [sum(name[0] < chr(c) for name in names) for c in range(ord("A"), ord("z") + 2)]
    text += f"constexpr uint16_t kFirstOfLetter[{len(starts)}] = {{{', '.join(map(str, starts))}}};\n"
    (Path(__file__).parent / "html_entities.inc").write_text(text)


if __name__ == "__main__":
    main()
