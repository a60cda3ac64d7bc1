import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.data.name_lists import fold, lists
from ayar.data.surrogates import Surrogates, normalised

stdnum_iban = pytest.importorskip("stdnum.iban")
stdnum_luhn = pytest.importorskip("stdnum.luhn")
stdnum_tc = pytest.importorskip("stdnum.tr.tckimlik")
phonenumbers = pytest.importorskip("phonenumbers")

ONE, OTHER = Surrogates(b"a key of 16 byte"), Surrogates(b"another key of16")
KEYS = st.binary(min_size=16, max_size=80).map(Surrogates)


@given(KEYS)
def test_numbers_can_belong_to_nobody(surrogates: Surrogates) -> None:
    for iban in ("TR33 0006 1005 1978 6457 8413 26", "DE89370400440532013000", "GB29NWBK60161331926819"):
        made = surrogates.stand_in("iban", iban)
        assert not stdnum_iban.is_valid(made)
        assert made.replace(" ", "")[2:4] == "00"
        assert [character == " " for character in made] == [character == " " for character in iban]
    for card in ("4111 1111 1111 1111", "378282246310005"):
        made = surrogates.stand_in("card", card)
        assert not stdnum_luhn.is_valid(made.replace(" ", ""))
        assert made[0] == card[0]
        assert len(made) == len(card)
    made = surrogates.stand_in("tc_id", "10000000146")
    assert not stdnum_tc.is_valid(made)
    assert len(made) == 11
    for phone, country in (
        ("0532 123 45 67", "TR"),
        ("+90 (532) 123-45-67", None),
        ("5321234567", "TR"),
        ("+49 30 1234567", None),
        ("0049 30 1234567", "TR"),
    ):
        made = surrogates.stand_in("phone", phone)
        assert not phonenumbers.is_valid_number(phonenumbers.parse(made, country)), made
    for phone in ("+44 7911 123456", "07911 123456"):
        assert normalised("phone", surrogates.stand_in("phone", phone))[-10:-3] == "7700900"
    assert "55501" in normalised("phone", surrogates.stand_in("phone", "+1 (212) 664-7665"))


def test_reserved_ranges() -> None:
    assert ONE.stand_in("email", "ali@firma.com.tr").partition("@")[2] in ("example.com", "example.org", "example.net")
    assert ONE.stand_in("ip", "8.8.8.8").rpartition(".")[0] in ("192.0.2", "198.51.100", "203.0.113")
    assert ONE.stand_in("ip", "fe80::1").startswith("2001:db8::")
    assert ONE.stand_in("url_credentials", "ali:hunter2") == "user:password"
    assert "hunter" not in ONE.stand_in("url_credentials", "hunter2token")
    assert ONE.stand_in("address", "Atatürk Mah. No:12").startswith("Örnek Mah.")
    assert ONE.stand_in("address", "12 Elm Street").endswith("Example Street")


@given(kind=st.sampled_from(["email", "phone", "iban", "card", "tc_id", "ip", "name", "address"]), number=st.integers(10**15, 10**16 - 1))
def test_the_key_decides_and_the_original_never_comes_back(kind: str, number: int) -> None:
    original = {
        "email": f"a{number}@b.com",
        "phone": f"0{number}"[:11],
        "iban": f"TR{number}",
        "tc_id": f"{number}"[:11],
        "ip": f"1.2.3.{number % 250}",
        "name": "Ahmet Yılmaz",
    }.get(kind, str(number))
    made = ONE.stand_in(kind, original)
    assert made == ONE.stand_in(kind, original)
    assert normalised(kind, made) != normalised(kind, original)


def test_another_key_gives_another_person() -> None:
    mails = [f"person{number}@firm.com" for number in range(50)]
    assert sum(ONE.stand_in("email", mail) == OTHER.stand_in("email", mail) for mail in mails) < 3


def test_one_person_stays_one_however_written() -> None:
    whole = ONE.stand_in("name", "Ahmet Yılmaz")
    assert ONE.stand_in("name", "Ahmet") == whole.split()[0]
    assert fold(ONE.stand_in("name", "AHMET YILMAZ")) == fold(whole)
    assert ONE.stand_in("name", "AHMET").isupper()
    assert ONE.stand_in("name", "ahmet").islower()
    phones = {normalised("phone", ONE.stand_in("phone", phone)) for phone in ("+90 532 123 45 67", "0532 123 45 67", "05321234567")}
    assert len(phones) == 1


def test_a_name_becomes_one_of_its_kind_that_takes_the_same_endings() -> None:
    for name in ("Ayşe", "Mehmet", "Elif", "John", "Sarah"):
        made = ONE.stand_in("name", name)
        assert set(lists().first[fold(name)]) & set(lists().first[fold(made)]), (name, made)
    assert ONE.stand_in("name", "Ayşe")[-1] in "eiEİ"  # Ayşe'nin → Emine'nin: a front vowel at the end
