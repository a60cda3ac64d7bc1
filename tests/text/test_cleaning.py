"""Each operator against its specification, and the whole chain: idempotent, linear, the same for any batch and any number of threads."""

import html
import random
import time
import unicodedata
from html.entities import html5

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar import _native  # type: ignore[attr-defined]
from ayar.errors import DataError
from ayar.text.cleaning import CleanOptions, clean_batch
from tests.text.cleaned import OPERATORS, cleaned, cleaned_all, only

FRAGMENTS = [
    *("a", "B", "ş", "İ", "1", " ", "  ", "\t", "\n", "\r\n", "\u2028", "\xa0", "\u3000", "é", "e\u0301", "\u0327", "\u212a", "\u037e"),
    *(
        "<",
        ">",
        "<b>",
        "</p>",
        "<br/>",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        '<a href="',
        '"',
        "'",
        "=",
        "<3",
        "&lt;",
        "&gt;",
        "b>",
        "!",
    ),
    *("&", "&amp;", "amp;", "&#38;", "#38;", "&#8203;", "&zwj;", "&shy;", "&copy", "&num", "&semi;", "&#894;", "&#xFEFF;", "&Aring;"),
    *("Ã", "¼", "Ã¼", "ÅŸ", "â€™", "Ä°", "Ğ°", "ï»¿", "Â", "°", "Ã…Å¸", "Ð", "ğŸ˜€", "\x9f", "\x85", "\xad", "\u200b", "\u200d", "\u200c"),
    *("\ufeff", "\u202e", "\x00", "\x1b[31m", "👩", "\u200d👧", "\ufe0f", "می", "क\u094d", "“", "’", "\U000e0041", "한", "\u1100\u1161"),
]
nasty = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join)


@given(texts=st.lists(nasty, max_size=6), wanted=st.sets(st.sampled_from(OPERATORS)))
def test_any_choice_of_operators_is_idempotent(texts: list[str], wanted: set[str]) -> None:
    cleaned_all(texts, only(*wanted))  # asserts it


@given(text=st.text(max_size=60))
def test_whole_chain_is_idempotent_on_any_text(text: str) -> None:
    cleaned(text)


@given(data=st.binary(max_size=40))
def test_utf8_repair_is_that_of_whatwg(data: bytes) -> None:
    assert cleaned_all([data], only()) == [data.decode(errors="replace")]


@pytest.mark.parametrize(
    "data", [b"\xc0\x80", b"\xed\xa0\x80", b"\xf5", b"\xf0\x9f\x98", b"a\xe2\x82", b"\xe2\x28\xa1", b"\xf4\x90\x80\x80", b"\xf8\x88"]
)
def test_utf8_repair_of_known_traps(data: bytes) -> None:
    assert cleaned_all([data], only()) == [data.decode(errors="replace")]


def test_every_entity_decodes_as_in_whatwg() -> None:
    closed = [f"x&{name} y" for name in html5 if name.endswith(";")]
    legacy = [f"x&{name}{after}" for name in html5 if not name.endswith(";") for after in ("", " y", "!", "é", "&")]
    numeric = [f"&#{n};" for n in (*range(0x300), 0xD800, 0xFFFF, 0x10FFFF, 0x110000, 10**30)] + ["&#x1f;", "&#X1F600;", "&#", "&#x", "&#;"]
    assert len(closed) == 2231 - 106
    texts = closed + legacy + numeric
    # Decoding goes on until nothing is left, and what is canonically ASCII (the Greek question mark) is written so.
    expected = [html.unescape(html.unescape(text)) for text in texts]
    got = cleaned_all(texts, only("entities"))
    for text, want, have in zip(texts, expected, got, strict=True):
        if text.startswith("&#") and want in ("", *map(chr, range(0x20))):  # Python drops these, WHATWG keeps them
            continue
        assert have == want, text


def test_entities_of_addresses_and_words_stay() -> None:
    for text in ("?a=1&copy=2&region=x", "AT&T", "&ampx", "&notit;", "a & b", "&;", "&#;", "&unknown;", "R&D"):
        assert cleaned(text, "entities") == text
    assert cleaned("&amp;amp;lt;3 &amp;#287; &am&#112; &num;", "entities") == "<3 ğ & #"


def test_tags_are_dropped_and_text_is_kept() -> None:
    for text, want in {
        "<p>Merhaba<br>dünya</p>": "\nMerhaba\ndünya\n",
        "<a title=\"a<b>c\" href='>'>x</a>": "x",
        "<B CLASS=x>bold</B><img src=x.png/>": "bold",
        "<td>1</td><td>2</td>": "\t1\t2",
        "a<script>if (a<b) x()</script>b<style>p{}</style>c": "abc",
        "a<!-- <b> -->b<!DOCTYPE html><?xml version='1'?>c": "abc",
        "<o:p></o:p>x<st1:place>y": "xy",
        "<script>never closed": "never closed",
    }.items():
        assert cleaned(text, "tags") == want, text
    for text in (
        "a < b",
        "<3",
        "x<5",
        "<ad@x.com>",
        "<https://x.com/a>",
        "<sipariş no>",
        "<b",
        "<",
        "</3",
        "<!-- open",
        "<p@x.com>",
        "<![CDATA[x]]>",
    ):
        assert cleaned(text, "tags") == text, text


def test_an_escaped_tag_is_text_and_stays() -> None:
    assert cleaned("&lt;b&gt; is bold, 1 &lt; 2, &lt;ad@x.com&gt;", "tags", "entities") == "< b> is bold, 1 < 2, <ad@x.com>"
    assert cleaned("<<b>i>x", "tags") == "< i>x"
    assert cleaned("&lt;b&gt;", "entities") == "<b>"
    assert cleaned("<em>1 &lt; 2</em>", "entities") == "<em>1 &lt; 2</em>"


def test_nfc_equals_unicodedata_on_every_code_point() -> None:
    characters = [chr(code) for code in code_points()]
    assert cleaned_all(characters, only("nfc")) == [unicodedata.normalize("NFC", c) for c in characters]


@given(seed=st.integers(0, 2**32 - 1))
def test_nfc_equals_unicodedata_on_random_sequences(seed: int) -> None:
    rng = random.Random(seed)
    special = [c for c in SPECIAL if rng.random() < 0.01] + ["a", "A", "e", "s", "\u1100", "\u1161", "\u11a8", "가", "<", ";"]
    texts = ["".join(rng.choices(special, k=rng.randint(1, 12))) for _ in range(200)]
    assert cleaned_all(texts, only("nfc")) == [unicodedata.normalize("NFC", text) for text in texts]


def test_nfc_orders_every_pair_of_marks() -> None:
    marks = [c for c in SPECIAL if unicodedata.combining(c)][::9]
    texts = [f"a{first}{second}" for first in marks for second in marks]
    assert cleaned_all(texts, only("nfc")) == [unicodedata.normalize("NFC", text) for text in texts]


def code_points() -> list[int]:
    """Those assigned both here and in the native tables."""
    is_newer = [int(n) for n in unicodedata.unidata_version.split(".")] > [int(n) for n in _native.clean.UNICODE_VERSION.split(".")]
    database = unicodedata.ucd_3_2_0 if is_newer else unicodedata
    return [code for code in range(0x110000) if database.category(chr(code)) not in ("Cn", "Cs", "Co")]


SPECIAL = [chr(c) for c in code_points() if unicodedata.combining(chr(c)) or unicodedata.decomposition(chr(c))]


def test_invisible_characters_go_and_needed_joiners_stay() -> None:
    for text, want in {
        "a\u200bb\u200e\u202ec\xadd\ufeff\x00\x9f\U000e0041\ufdd0": "abcd",
        "\x1b[1;31mred\x1b[0m": "red",
        "\x1b]": "]",
        "a\u200db\u200cc": "abc",
        "👨\u200d\u200d👧": "👨\u200d👧",
        "tab\there\nline": "tab\there\nline",
        "葛\U000e0100x\U000e0101": "葛\U000e0100x",
    }.items():
        assert cleaned(text, "invisible") == want
    for text in ("👨\u200d👩\u200d👧", "❤️\u200d🔥", "می\u200cخواهم", "क\u094d\u200dष", "🏳️\u200d🌈"):
        assert cleaned(text, "invisible") == text


def test_white_space() -> None:
    assert cleaned(" \t a \xa0 b\u3000c \r\n\r\n\n\u2028 d\te\x0bf\x85 ", "white_space") == "a b c\n\nd\te\nf"
    assert cleaned("\n \t\n", "white_space") == ""


def test_quotes() -> None:
    assert cleaned("“Türkiye’nin” ‘x’ „y‟ «z» x…", "quotes") == '"Türkiye\'nin" \'x\' "y" «z» x…'


def test_operators_meet() -> None:
    """HTML around mojibake around white space: what one operator uncovers, another cleans."""
    assert cleaned("<p>&Aring;&Yuml;eker &Atilde;&sect;ok</p>&nbsp;") == "şeker çok"
    assert cleaned("&&#8203;amp;") == "&"
    assert cleaned("ï»¿Merhaba\u200b\xa0\xa0“dünya”") == "Merhaba “dünya”"
    assert cleaned("a" * 50 + "&" + "\u200b" + "amp;") == "a" * 50 + "&"


def test_counts_say_how_many_rows_each_operator_changed() -> None:
    texts = pa.array(["clean", "<b>x</b>", "<i>y</i> &amp;", "z\u200b  z", None, "dün"])
    result, counts, characters, _, doubtful = clean_batch(texts)
    assert result.to_pylist() == ["clean", "x", "y &", "z z", None, "dün"]
    assert {name: rows for name, rows in counts.items() if rows} == {"tags": 2, "entities": 1, "invisible": 1, "white_space": 1}
    assert {name: count for name, count in characters.items() if count} == {"tags": 14, "entities": 5, "invisible": 1, "white_space": 2}
    assert not any(doubtful.values())


@given(texts=st.lists(nasty, min_size=1, max_size=6))
def test_counts_agree_with_what_changed(texts: list[str]) -> None:
    """Of an operator alone: a row is counted where its text became another, and a character where a row is."""
    for name in set(OPERATORS) - {"nfkc"}:  # which is never alone: nfc belongs to it
        result = clean_batch(pa.array(texts), only(name), edits=True)
        changed = [row for row, (old, new) in enumerate(zip(texts, result.texts.to_pylist(), strict=True)) if old != new]
        assert result.rows[name] == len(changed)
        assert result.edits is not None
        assert sorted(set(result.edits.row.tolist())) == changed
        assert (result.characters[name] > 0) == bool(changed)
        assert not any(count for other, count in result.rows.items() if other != name)


@given(first=nasty, second=nasty)
def test_a_line_is_judged_by_itself(first: str, second: str) -> None:
    """What is misread in a line is repaired whatever stands in the lines before and behind it."""
    alone = cleaned_all([first, second], only("mojibake", "turkish_page"))
    assert cleaned(f"{first}\n{second}", "mojibake", "turkish_page") == "\n".join(alone)


def test_what_can_be_read_in_two_ways_is_left_alone_and_counted() -> None:
    texts = pa.array(["MANHÃ‰", "03/04/2024 and 04/03/2024, 25/12/2024", "BAĞ°", "doÄŸru"])
    cleaned = clean_batch(texts, only("mojibake", "dates"))
    assert cleaned.texts.to_pylist() == ["MANHÃ‰", "03/04/2024 and 04/03/2024, 2024-12-25", "BAĞ°", "doğru"]
    assert {name: count for name, count in cleaned.doubtful.items() if count} == {"mojibake": 1, "dates": 2}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_slices_nulls_and_every_width_of_offsets(kind: pa.DataType) -> None:
    texts = pa.array(["<b>0</b>", None, " 1 ", "", "iki", None], pa.string()).cast(kind)
    wide = pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)
    for first in range(6):
        for last in range(first, 7):
            result = clean_batch(texts[first:last]).texts
            result.validate(full=True)
            assert result.type == (pa.large_string() if wide else pa.string())
            assert result.to_pylist() == ["0", None, "1", "", "iki", None][first:last]


@given(text=nasty)
def test_offsets_lead_back_to_the_original(text: str) -> None:
    cleaned = clean_batch(pa.array([text]), edits=True)
    assert cleaned.edits is not None
    old, new = text.encode(), cleaned.texts[0].as_py().encode()
    edited = {at for begin, end in zip(cleaned.edits.new_begin, cleaned.edits.new_end, strict=True) for at in range(begin, end)}
    last = 0
    for at in range(len(new)):
        begin, end = cleaned.edits.original_range(0, at, at + 1)
        assert last <= begin <= end <= len(old)
        assert at in edited or old[begin:end] == new[at : at + 1]
        last = begin


def test_offsets_of_a_word_behind_repairs() -> None:
    text = "<p>doÄŸru&nbsp; sipariş</p>"
    cleaned = clean_batch(pa.array(["x", text]), edits=True)
    assert cleaned.edits is not None
    new = cleaned.texts[1].as_py().encode()
    for word, source in (("doğru", "doÄŸru"), ("sipariş", "sipariş"), ("ğ", "ÄŸ")):
        at = new.index(word.encode())
        begin, end = cleaned.edits.original_range(1, at, at + len(word.encode()))
        assert text.encode()[begin:end].decode() == source


def test_other_types_are_refused() -> None:
    with pytest.raises(DataError, match="int64"):
        clean_batch(pa.array([1]))


def test_same_for_any_number_of_threads() -> None:
    rng = random.Random(7)
    texts = pa.array(["".join(rng.choices(FRAGMENTS, k=rng.randint(0, 40))) for _ in range(20_000)])
    before = _native.thread_count()
    results = []
    for threads in (1, 2, 3):
        _native.set_thread_count(threads)
        results.append(clean_batch(texts))
    _native.set_thread_count(before)
    assert all(result[0].equals(results[0][0]) and result[1] == results[0][1] for result in results)


HOSTILE = {
    "<": "<",
    "<a ": "<a ",
    "<!--": "<!--",
    "quotes": "<a b=\"<a c='",
    "nested tags": "<b",
    "unclosed scripts": "<script>",
    "&": "&",
    "&amp": "&amp;amp",
    "&#38;": "&#38;#38;",
    "entity in entity": "&#3&#56;;",
    "digits": "1",
    "&#1": "&#1111",
    "spaces": " ",
    "line ends": "\n ",
    "marks": "\u0323\u0301",
    "joiners": "\u200d",
    "mojibake": "Ã¼",
    "misread thrice": "Ãƒâ€¦",
    "Ã": "Ã",
    "BOM": "ï»¿",
    "escapes": "\x1b[",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = pa.array([unit * (1_000_000 // len(unit.encode())) + ">" * 3])
    begin = time.perf_counter()
    clean_batch(text)
    assert time.perf_counter() - begin < 1


def test_unfolding_hostile_text_takes_linear_time() -> None:
    for text in ("<" * 200_000 + "b>" * 200_000, "&" * 200_000 + "amp;" * 200_000, "&i" * 50_000 + "&iuml;&raquo;&iquest;uml;" * 30_000):
        begin = time.perf_counter()
        clean_batch(pa.array([text]))
        assert time.perf_counter() - begin < 1


def test_every_option_changes_something() -> None:
    text = "<b>x</b> &amp; doÄŸru z\u200b e\u0301 “q” a  b\nÝstanbul þeker ýþýk"
    everything = cleaned(text)
    for name in (name for name, field in CleanOptions.model_fields.items() if field.default is True):
        options = CleanOptions(**{name: False})  # type: ignore[arg-type]
        assert clean_batch(pa.array([text]), options).texts[0].as_py() != everything, name
