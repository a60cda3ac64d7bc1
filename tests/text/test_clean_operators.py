"""The operators that are off by default: what each does, what it leaves, and that none takes more than linear time."""

import time
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.text.cleaning import CleanOptions, clean_batch
from tests.text.cleaned import cleaned, cleaned_all, only

OFF_BY_DEFAULT = tuple(name for name, field in CleanOptions.model_fields.items() if field.default is False)

EXAMPLES = {
    "dashes": [("2020–2024 — yes… −5 ‐x", "2020-2024 - yes... -5 -x")],
    "width": [("ＬＯＵＤ　１２", "LOUD 12"), ("ｶﾞｷﾞ", "カ\u3099キ\u3099")],
    "ligatures": [("ﬁne ﬂuﬃest ĳs", "fine fluffiest ijs")],
    "nfkc": [("x² ™ ①", "x2 TM 1"), ("ｶﾞ", "ガ")],
    "hyphenation": [("exam-\nple and exam- \n  ple", "example and example"), ("kitap\u00ad\nlar", "kitaplar")],
    "punctuation": [("Neden!!!! Ne?!?! Peki..... ya,,, !?", "Neden! Ne?! Peki... ya, !?")],
    "stretched": [("çoooook güzeeel", "çook güzeel")],
    "symbols": [("a ====== b ─────── *****", "a === b ─── ***")],
    "markdown": [
        ("# Title\n\n**bold** and *slanted* and `code` ~~gone~~", "Title\n\nbold and slanted and code gone"),
        ("[text](https://x.y/z) ![alt](a.png) > no", "text alt > no"),
        ("> quoted\n> > twice\n---\n```python\nx = 1\n```", "quoted\ntwice\n\n\nx = 1\n"),
        ("**[bold link](http://a.b)**", "bold link"),
    ],
    "dates": [
        ("12.03.2024, 1/2/2024? 25/3/2024; 3/25/2024", "2024-03-12, 1/2/2024? 2024-03-25; 2024-03-25"),
        (
            "12 March 2024 March 2, 2024 5 Ağustos 2023, 1 ŞUBAT 2020 7 Kasım 2021",
            "2024-03-12 2024-03-02 2023-08-05, 2020-02-01 2021-11-07",
        ),
        ("2024/3/5 and 2024-03-05.", "2024-03-05 and 2024-03-05."),
    ],
    "numbers": [("1.234.567,89 1,234,567.89 12.345.678 1.234,5", "1234567.89 1234567.89 12345678 1234.5")],
    "units": [("5kg, 3 kilograms; 10 Kilogram 2lt ₺50 100TL 20 °C 3 saat", "5 kg, 3 kg; 10 kg 2 L 50 TL 100 TL 20 °C 3 h")],
    "booleans": [("Evet", "true"), (" HAYIR\n", " false\n"), ("yes", "true"), ("YANLIŞ", "false"), ("Hayır", "false"), ("EVET", "true")],
    "turkish_letters": [
        ("siparisim icin cok bekledim ama bir sey gelmedi", "siparişim için çok bekledim ama bir şey gelmedi"),
        (
            "Bu urunu degistirmek istiyorum, nasil gonderecegim? COK GUZEL degilmis",
            "Bu ürünü değiştirmek istiyorum, nasıl göndereceğim? ÇOK GÜZEL değilmiş",
        ),
        ("musterilerimiz ve odemeleri bu ay calisiyor mu", "müşterilerimiz ve ödemeleri bu ay çalışıyor mu"),
    ],
    "replies": [
        ("Thanks!\n\nOn Mon, 1 Jan 2024, A B wrote:\n> hi\n> there", "Thanks!\n"),
        ("Tamam\n\n1 Oca 2024 Pzt tarihinde A B şunu yazdı:\n\n> merhaba\n", "Tamam\n"),
        ("see below\nOn Monday X wrote:\n> a\nmy answer\n", "see below\nmy answer\n"),
        ("OK\n-----Original Message-----\nFrom: a\nSent: b\nold", "OK"),
        ("Olur\nKimden: a\nGönderildi: b\nKime: c\nKonu: d\n\neski", "Olur"),
        ("Bye\n-- \nA. B.\nSales", "Bye"),
        ("Bye\nSent from my iPhone", "Bye"),
    ],
}
STAY = {
    "hyphenation": ["well-\nKnown", "a -\nb", "5-\nx", "end-"],
    "punctuation": ["a, b. c", "...", "..", "3.5", "a::b"[:1], "?"],
    "stretched": ["www.x.org", "VIII", "aaa", "book", "XXX", "1000", "\u4e2d\u4e2d\u4e2d文"],
    "symbols": ["---", "a...", "===", "x***y"],
    "markdown": ["2 * 3 * 4", "snake_case_name", "#tag", "a ** b", "- item", "1. one", "f(x)[0]", "[x] done", "a | b"],
    "dates": ["03/04/2024", "31.02.2024", "1.2.3.2024", "12.03.20245", "v1.2.2024.1", "192.168.1.1", "March 2024"],
    "numbers": ["1.234", "1,5", "1,2,3", "192.168.1.100", "0.123.456", "1.234.56", "12,345"],
    "units": ["5", "kg", "5 M", "3G", "A5kg", "1.2.3kgx", "5 liralık"],
    "booleans": ["yes and no", "1", "", "evet."],
    "replies": [
        "On Monday X wrote:\n> all of it",
        "He wrote:\nnot quoted",
        "> quoted\n> only",
        "From: here to there\nwe went",
        "a\n--\n" + "long line " * 20,
        "one -- two",
        "Text\nSent from my iPhone\nand more text",
    ],
    "turkish_letters": ["icon gun", "the gun is for you", "bir ürün ve cok", "cok", "is a gun", "Bu is var ve bir gol attim"],
    "dashes": ["a-b", "-5"],
    "ligatures": ["æ œ ß"],
    "width": ["abc カ"],
}


@pytest.mark.parametrize(("operator", "text", "want"), [(name, *pair) for name, pairs in EXAMPLES.items() for pair in pairs])
def test_examples(operator: str, text: str, want: str) -> None:
    assert cleaned(text, operator) == want


@pytest.mark.parametrize(("operator", "text"), [(name, text) for name, texts in STAY.items() for text in texts])
def test_what_stays(operator: str, text: str) -> None:
    assert cleaned(text, operator) == text


def test_every_operator_that_is_off_has_an_example() -> None:
    assert set(OFF_BY_DEFAULT) == {*EXAMPLES, "quotes"}


def test_links_are_kept_dropped_or_marked() -> None:
    text = "See https://a.b/c?d=(e), (www.x.org) and HTTP://q.r. Not awww.x nor http:// alone"
    assert cleaned_all([text], only()) == [text]
    assert cleaned_all([text], only(links="drop")) == ["See , () and . Not awww.x nor http:// alone"]
    assert cleaned_all([text], only(links="mark")) == ["See [LINK], ([LINK]) and [LINK]. Not awww.x nor http:// alone"]


def test_nfkc_equals_unicodedata() -> None:
    known = unicodedata.ucd_3_2_0
    texts = [f"a{chr(code)}\u0301" for code in range(0xA0, 0x30000) if known.category(chr(code)) not in ("Cn", "Cs", "Co")]
    assert cleaned_all(texts, only("nfkc")) == [unicodedata.normalize("NFKC", text) for text in texts]


FRAGMENTS = [
    *("a", "ş", "ooo", "-", "-\n", "\n", " ", "  ", "=", "====", "*", "**", "__", "`", "```", "~~", "#", "# ", "> ", "[", "](", ")", "!["),
    *("https://", "www.", "x.y", "(", "!", "?", "...", ",", "12", ".03.", "2024", "/", "1.234", ",5", "kg", "₺", "evet", "no", "İ", "I"),
    *(
        "On ",
        "wrote:",
        "From: x\n",
        "Sent: y\n",
        "To: z\n",
        "-- \n",
        "-----Original Message-----\n",
        "Sent from my x",
        "ﬁ",
        "Ａ",
        "ｶ",
        "ﾞ",
        "…",
    ),
    *("12 March 2024", "March 1, 2024", "5 km", "\u00ad", "“", "Ãœ", "ý", "þ", "<b>", "&amp;", "\u200b"),
]


@given(
    texts=st.lists(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join), max_size=6),
    wanted=st.sets(st.sampled_from(tuple(name for name in CleanOptions.model_fields if name != "links"))),
    links=st.sampled_from(["keep", "drop", "mark"]),
)
def test_any_choice_of_operators_is_idempotent(texts: list[str], wanted: set[str], links: str) -> None:
    cleaned_all(texts, only(*wanted, links=links))  # type: ignore[arg-type]  # asserts it


HOSTILE = [
    *("*a", "**", "`", "[a](", "](", "![", "> ", "#", "_", "~~", "[", "a\n", "-\n", "http://", "www.a(", "(", ")", "http://a)", ":", "?!"),
    *("ooo", "1.", "1.234.", "1,", "12 ", "Mar", "₺", "5k", "On ", "wrote:\n", ">\n", "From:\n", "--\n", "Sent from my \n", "\u3099"),
    *("ﷺ", "ﬃ", "bir cok "),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    everything = CleanOptions(**dict.fromkeys(OFF_BY_DEFAULT, True), links="mark")  # type: ignore[arg-type]
    text = pa.array([unit * (1_000_000 // len(unit.encode()))])
    begin = time.perf_counter()
    clean_batch(text, everything)
    assert time.perf_counter() - begin < 3  # twenty operators, several rounds
