"""Lines that many texts share go; what a person writes stays, and doing it again changes nothing."""

from collections.abc import Sequence

import pyarrow as pa

from ayar.data.boilerplate import drop_boilerplate

FOOTER = "This message is meant for its receiver only."


def dropped(texts: Sequence[str | None], least_rows: int) -> list[str | None]:
    column = pa.array(list(texts), pa.string())
    shortened, changed = drop_boilerplate(column, least_rows)
    again, nothing = drop_boilerplate(shortened, least_rows)
    assert again.equals(shortened)
    assert nothing == 0
    assert changed == sum(a != b for a, b in zip(texts, shortened.to_pylist(), strict=True))
    return shortened.to_pylist()


def test_shared_lines_go() -> None:
    texts = [f"first\n{FOOTER}", f"{FOOTER.upper()}  \nsecond", f"third\n\n{FOOTER}\nlast", "fourth", None, ""]
    assert dropped(texts, 3) == ["first", "second", "third\n\nlast", "fourth", None, ""]
    assert dropped(texts, 4) == texts


def test_a_line_counts_once_a_text_and_never_leaves_a_text_empty() -> None:
    texts = [f"{FOOTER}\n{FOOTER}", FOOTER, f"x\n{FOOTER}"]
    assert dropped(texts, 4) == texts
    assert dropped(texts, 3) == [f"{FOOTER}\n{FOOTER}", FOOTER, "x"]


def test_short_lines_are_what_people_write() -> None:
    texts = ["a\nThank you.", "b\nThank you.", "c\nThank you."]
    assert dropped(texts, 2) == texts


def test_turkish_capitals_are_the_same_line() -> None:
    line = "İletişim için bizi arayın, ısrarla bekleriz"
    texts = [f"a\n{line}", f"b\n{line.replace('i', 'İ').upper()}", "c\nLINE OF ONE WHO WRITES IN CAPITALS"]
    assert dropped(texts, 2) == ["a", "b", texts[2]]


def test_no_texts() -> None:
    assert dropped([], 2) == []
