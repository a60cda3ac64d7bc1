"""Spans of personal data: against python-stdnum's checksums, phonenumbers' numbering plans, and what only looks like one."""

import random
import time

import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn
from stdnum.tr import tckimlik

from ayar import _native  # type: ignore[attr-defined]
from ayar.text.spans import SPAN_KINDS, find_spans, replace_spans


def spans(text: str) -> list[tuple[str, str]]:
    found, data = find_spans(pa.array([text])), text.encode()
    ranges = zip(found.kind.tolist(), found.start.tolist(), found.end.tolist(), strict=True)
    return [(SPAN_KINDS[kind], data[start:end].decode()) for kind, start, end in ranges]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("EMAIL", e) for e in ("ali.veli@x.com", "a+b_c%d@alt.ornek.com.tr", "şükrü@örnek.com.tr", "почта@пример.рф", "o'neil@x.co")),
        *(("PHONE", p) for p in ("0532 123 45 67", "05321234567", "5321234567", "532 123 4567", "0 532 123 45 67", "0532-123-45-67")),
        *(
            ("PHONE", p)
            for p in ("+90 532 123 45 67", "+905321234567", "0090 532 123 45 67", "(0212) 555 44 33", "0212 5554433", "+90 (212) 555 44 33")
        ),
        *(
            ("PHONE", p)
            for p in ("0850 222 0 333", "444 0 123", "0532.123.45.67", "0532\xa0123\xa045\xa067", "0532 – 123 45 67", "(532) 123 45 67")
        ),
        *(("PHONE", p) for p in ("+44 20 7946 0958", "+44 (0)20 7946 0958", "020 7946 0958", "07700 900123", "07700900123")),
        *(("PHONE", p) for p in ("(415) 555-2671", "415-555-2671", "415.555.2671", "+1 415 555 2671", "1-415-555-2671", "+49 30 901820")),
        *(("IBAN", i) for i in ("TR33 0006 1005 1978 6457 8413 26", "TR330006100519786457841326", "tr33-0006-1005-1978-6457-8413-26")),
        *(("IBAN", i) for i in ("GB29 NWBK 6016 1331 9268 19", "DE89370400440532013000", "TR 33 0006 1005 1978 6457 8413 26")),
        *(("CARD", c) for c in ("4111111111111111", "5555 5555 5555 4444", "3782-822463-10005", "4111.1111.1111.1111", "9792030000000000")),
        *(("TC_ID", t) for t in ("10000000146", "172 917 160 60", "17291716060")),
        *(("IP", i) for i in ("192.168.1.10", "2001:db8::1", "fe80::1ff:fe23:4567:890a", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8")),
    ],
)
def test_is_found_whole_in_every_surrounding(kind: str, text: str) -> None:
    for before, after in [
        ("", ""),
        ("x ", " y"),
        ("(", ")"),
        ("ş: ", "."),
        ('"', '"'),
        ("\n", "\n"),
        ("‘", "’dan"),
        ("a, ", ", b"),
        ("", "'e sorun"),
    ]:
        assert (kind, text) in spans(before + text + after), (before, after)


def test_urls_that_carry_credentials() -> None:
    text = "git clone https://ali:s3cret@host.com/x.git, https://x.com/?a=1&token=abc123&Api_Key=zz99yy#top ve ?key=1"
    assert spans(text) == [("URL_CREDENTIALS", "ali:s3cret"), ("URL_CREDENTIALS", "abc123"), ("URL_CREDENTIALS", "zz99yy")]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "sipariş no 5321234567",
            "Order #5551234567",
            "fatura: 1234567890",
            "2024-01-15 12:30:45",
            "15.01.2024 - 16.01.2024",
            "1.234.567,89 TL",
        ),
        *(
            "TR340006100519786457841326",
            "4111111111111112",
            "10000000147",
            "00000000000",
            "SP05321234567",
            "12345678901234567890",
            "0.10000000146",
        ),
        *(
            "ali@",
            "@ali",
            "a@b",
            "ali@x",
            "x@1.2",
            "v1.2.3.4",
            "version 1.2.3.4",
            "256.1.1.1",
            "1.2.3.4.5",
            "12:30:45",
            "std::vector",
            "aa:bb:cc:dd:ee:ff",
        ),
        *(
            "https://x.com/a?page=1234",
            "a=b",
            "token=abcdef",
            "100 200 300",
            "500 TL 20 30 40",
            "3,14159265358",
            "a@-x.com",
            "..@x.com",
            "::",
        ),
    ],
)
def test_what_only_looks_like_one_is_left(text: str) -> None:
    assert spans(text) == []


def test_two_numbers_side_by_side() -> None:
    assert spans("0532 123 45 67 0533 123 45 67") == [("PHONE", "0532 123 45 67"), ("PHONE", "0533 123 45 67")]
    assert spans("020 7946 0958 / 07700 900123") == [("PHONE", "020 7946 0958"), ("PHONE", "07700 900123")]
    assert spans("ali@x.com;veli@y.com") == [("EMAIL", "ali@x.com"), ("EMAIL", "veli@y.com")]
    assert spans("ali@x.com.Yarın ararım") == [("EMAIL", "ali@x.com")]
    assert spans("bekliyorum...ali@x.com") == [("EMAIL", "ali@x.com")]


@given(digits=st.text("0123456789", min_size=9, max_size=9), last=st.text("0123456789", min_size=2, max_size=2), seed=st.booleans())
def test_tc_id_equals_stdnum(digits: str, last: str, seed: bool) -> None:
    if digits[0] != "0" and seed:
        last = tckimlik.calc_check_digits(digits)
    assert (("TC_ID", digits + last) in spans(digits + last)) == tckimlik.is_valid(digits + last)


@given(seed=st.integers(0, 2**32 - 1), is_valid=st.booleans())
def test_iban_equals_stdnum(seed: int, is_valid: bool) -> None:
    rng = random.Random(seed)
    country, length = rng.choice([("TR", 26), ("DE", 22), ("NL", 18), ("FR", 27), ("MT", 31), ("NO", 15)])
    bank = "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=4)) if country in ("NL", "MT") else "".join(rng.choices("0123456789", k=4))
    rest = bank + "".join(rng.choices("0123456789", k=length - 8))
    check = iban.calc_check_digits(f"{country}00{rest}") if is_valid else f"{rng.randrange(100):02}"
    text = f"{country}{check}{rest}"
    grouped = " ".join(text[i : i + 4] for i in range(0, length, 4))
    is_right = iban.calc_check_digits(text) == check
    for form in (text, grouped, text.lower()):
        assert (("IBAN", form) in spans(form)) == is_right


@given(seed=st.integers(0, 2**32 - 1))
def test_card_equals_stdnum(seed: int) -> None:
    rng = random.Random(seed)
    body = rng.choice(["4", "51", "2221", "6011", "9792"])
    body += "".join(rng.choices("0123456789", k=15 - len(body)))
    for text in (body + luhn.calc_check_digit(body), body + str(rng.randrange(10))):
        grouped = "-".join(text[i : i + 4] for i in range(0, 16, 4))
        assert (("CARD", text) in spans(text)) == (("CARD", grouped) in spans(grouped)) == luhn.is_valid(text)


@pytest.mark.parametrize("region", ["TR", "GB", "US", "DE", "FR", "NL", "IT", "ES", "PL", "AZ", "IN", "JP", "BR", "AU", "SE", "IE"])
def test_international_numbers_of_phonenumbers(region: str) -> None:
    for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
        number = phonenumbers.example_number_for_type(region, kind)
        assert number is not None
        for form in (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164):
            text = phonenumbers.format_number(number, form)
            assert spans(f"tel: {text}, x") == [("PHONE", text)]


@pytest.mark.parametrize("region", ["TR", "GB", "US"])
def test_national_numbers_of_phonenumbers(region: str) -> None:
    for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
        number = phonenumbers.example_number_for_type(region, kind)
        assert number is not None
        text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        assert spans(f"tel: {text}, x") == [("PHONE", text)]


PIECES = [
    "@",
    ".",
    "com",
    "ali",
    "ş",
    "0532",
    "123",
    "45",
    "67",
    " ",
    "-",
    "+90",
    "(",
    ")",
    "TR33",
    "::",
    ":",
    "1",
    "://",
    "=",
    "?token",
    "&",
    "/",
    "'",
]


@given(text=st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=20).map("".join)))
def test_spans_are_sorted_apart_and_on_character_borders(text: str) -> None:
    found, data = find_spans(pa.array([text])), text.encode()
    last = 0
    for start, end in zip(found.start.tolist(), found.end.tolist(), strict=True):
        assert last <= start < end <= len(data)
        data[start:end].decode()
        last = end


@given(data=st.binary(max_size=60))
def test_any_bytes_will_do(data: bytes) -> None:
    find_spans(pa.array([data, b"ali@x.com" + data], pa.binary()))


@pytest.mark.parametrize(
    "unit",
    ["1", "12 ", "1.", "@", "a@a.", "a.b@", ":", "a:", "1::", "=", "?key=", "://", "x://a:", "TR33", "+90", "0532 123 45 67 ", "é", "(0"],
)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = pa.array([unit * (1_000_000 // len(unit.encode()))])
    begin = time.perf_counter()
    find_spans(text)
    assert time.perf_counter() - begin < 1


def test_same_for_any_number_of_threads() -> None:
    rng = random.Random(3)
    texts = pa.array(["".join(rng.choices(PIECES, k=rng.randint(0, 60))) for _ in range(20_000)])
    before = _native.thread_count()
    found = []
    for threads in (1, 2, 3):
        _native.set_thread_count(threads)
        found.append(find_spans(texts))
    _native.set_thread_count(before)
    assert len(found[0].row) > 100
    assert all((one == other).all() for spans_ in found for one, other in zip(spans_, found[0], strict=True))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_replacing_keeps_everything_else(kind: pa.DataType) -> None:
    texts = pa.array(["çöp", None, "ş ali@x.com ve 0532 123 45 67.", "", "x", "10000000146"], kind)[1:]
    found = find_spans(texts)
    assert found.counts() == {**dict.fromkeys(SPAN_KINDS, 0), "EMAIL": 1, "PHONE": 1, "TC_ID": 1}
    replaced = replace_spans(texts, found, {"EMAIL": "[ğ]", "TC_ID": "?"})
    replaced.validate(full=True)
    assert replaced.type == kind
    assert replaced.to_pylist() == [None, "ş [ğ] ve 0532 123 45 67.", "", "x", "?"]
    told = replace_spans(texts, found, lambda name, data: f"<{name}:{len(data)}>")
    assert told.to_pylist() == [None, "ş <EMAIL:9> ve <PHONE:14>.", "", "x", "<TC_ID:11>"]
