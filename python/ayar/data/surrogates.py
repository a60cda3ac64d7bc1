"""Stand-ins for personal data: plausible to read, the same for the same person throughout a run, and nobody's.

A stand-in is drawn by a keyed hash (BLAKE2b) of the normalised original. Where a range is reserved for examples, it is used (RFC 2606
e-mail domains, RFC 5737 and 3849 addresses, Ofcom's and the North American drama numbers). Where none is, the stand-in can never be issued:
an IBAN with check digits 00, a card number that fails Luhn, a T.C. number with an odd last digit (a valid one is even), a phone number of
the unassigned Turkish prefix 599, or one whose national part begins with 000. So it belongs to nobody, and it passes no checksum.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from ayar.data.name_lists import fold, lists

_SPACES = re.compile(r"(\s+)")
DOMAINS = ("example.com", "example.org", "example.net")
V4_EXAMPLES = ("192.0.2.", "198.51.100.", "203.0.113.")


class Surrogates:
    """``stand_in(kind, original)``, for the kinds email phone iban card tc_id ip url_credentials name address."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, digest_size=32).digest()  # any length of key will do

    def stand_in(self, kind: str, original: str) -> str:
        """Never equal to ``original`` (normalised). Each word of a name has its own, so that Ahmet Yılmaz and Ahmet Bey stay one person."""
        if kind == "name":
            return "".join(self._draw(kind, part) if part.strip() else part for part in _SPACES.split(original))
        return self._draw(kind, original)

    def _draw(self, kind: str, original: str) -> str:
        for attempt in range(1000):
            made = _MAKERS[kind](original, _Draw(self._key, kind, normalised(kind, original), attempt))
            if normalised(kind, made) != normalised(kind, original):
                return made
        raise AssertionError(f"no stand-in of kind {kind} differs from its original")


def normalised(kind: str, value: str) -> str:
    """Equal for spellings of one value: +90 532 ... and 0532..., AYŞE and Ayşe."""
    if kind == "phone":
        return _digits(value)[-10:]
    if kind in ("iban", "card", "tc_id"):
        return "".join(character for character in value if character.isalnum()).upper()
    return fold(" ".join(value.split()))


class _Draw:
    """Numbers that depend on key, kind and value alone."""

    def __init__(self, key: bytes, kind: str, value: str, attempt: int) -> None:
        message = f"{kind}\0{attempt}\0{value}".encode()
        self._number = int.from_bytes(hashlib.blake2b(message, key=key, digest_size=64).digest(), "big")

    def below(self, limit: int) -> int:
        self._number, drawn = divmod(self._number, limit)
        return drawn

    def pick(self, choices: Sequence[str]) -> str:
        return choices[self.below(len(choices))]

    def digits(self, count: int) -> str:
        return str(self.below(10**count)).zfill(count)


def _email(original: str, draw: _Draw) -> str:
    first, last = (
        draw.pick(_ascii_pool(name))
        for name in (draw.pick(("first_tr_male", "first_tr_female", "first_en_male", "first_en_female")), "last_en")
    )
    return f"{first}.{last}{draw.below(90) + 10}@{draw.pick(DOMAINS)}"


@lru_cache
def _ascii_pool(name: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in lists().pools[name] if word.isascii() and word.isalpha())


def _phone(original: str, draw: _Draw) -> str:
    digits = _digits(original)
    international = original.lstrip(" (").startswith("+") or digits.startswith("00")
    bare = digits.removeprefix("00") if international else digits
    if international and bare.startswith("1") and len(bare) == 11:
        made = f"1{draw.below(700) + 200}55501{draw.digits(2)}"
    elif international and bare.startswith("44"):
        made = f"447700900{draw.digits(3)}"
    elif international and bare.startswith("90"):
        made = f"90599000{draw.digits(4)}"
    elif international:
        made = bare[:2] + "000" + draw.digits(max(len(bare) - 5, 4))
    elif digits.startswith("07") and len(digits) == 11:
        made = f"07700900{draw.digits(3)}"
    elif digits.startswith("0"):
        made = f"0599000{draw.digits(4)}"
    elif len(digits) == 10 and not digits.startswith("5"):
        made = f"{draw.below(700) + 200}55501{draw.digits(2)}"
    else:
        made = f"599000{draw.digits(4)}"
    made = "00" + made if digits.startswith("00") and international else made
    return _fill(original, made)


def _iban(original: str, draw: _Draw) -> str:
    compact = "".join(character for character in original if character.isalnum())
    body = "".join(draw.digits(1) if character.isdigit() else chr(ord("A") + draw.below(26)) for character in compact[4:])
    made = compact[:2].upper() + "00" + body
    if _mod_97(made) == 1:  # a checker that forgets that check digits begin at 02 would take it
        made = made[:-1] + ("1" if made[-1] != "1" else "2")
    return _fill(original, made)


def _card(original: str, draw: _Draw) -> str:
    digits = _digits(original)
    body = digits[0] + draw.digits(len(digits) - 2)
    return _fill(original, body + str((_luhn_check_digit(body) + 1 + draw.below(9)) % 10))


def _tc_id(original: str, draw: _Draw) -> str:
    return _fill(original, str(1 + draw.below(9)) + draw.digits(9) + str(1 + 2 * draw.below(5)))


def _ip(original: str, draw: _Draw) -> str:
    if ":" in original:
        return f"2001:db8::{draw.below(1 << 16):x}:{draw.below(1 << 16):x}"
    return draw.pick(V4_EXAMPLES) + str(draw.below(254) + 1)


def _url_credentials(original: str, draw: _Draw) -> str:
    """user:password keeps its colon; a token becomes as many letters."""
    return "user:password" if ":" in original else "x" * min(len(original), 16)


def _address(original: str, draw: _Draw) -> str:
    if any(
        unit in fold(original) for unit in ("mah", "mh", "cad", "cd", "sok", "sk", "bulv", "blv", "sit", "apt", "blok")
    ) and "street" not in fold(original):
        return f"Örnek Mah. {draw.below(400) + 1}. Sok. No: {draw.below(90) + 1}"
    return f"{draw.below(900) + 1} Example Street"


def _name(original: str, draw: _Draw) -> str:
    """A name from the same list (language, gender) that takes the same Turkish endings, in the same letter case."""
    known = lists()
    found = known.first.get(fold(original)) or known.last.get(fold(original)) or ("last_tr" if _is_turkish(original) else "last_en",)
    pool = [word for word in known.pools[found[0]] if fold(word) not in known.ambiguous and word.isalpha()]
    alike = [word for word in pool if _ending(word) == _ending(original) and fold(word) != fold(original)]
    return _in_case_of(original, draw.pick(alike or pool), turkish="_tr" in found[0])


def _is_turkish(word: str) -> bool:
    return any(letter in "çğıöşüÇĞİÖŞÜ" for letter in word)


def _ending(word: str) -> tuple[str, bool, bool]:
    """What Turkish vowel harmony asks: the class of the last vowel, whether the word ends in a vowel, whether in a hard consonant."""
    folded = word.replace("İ", "i").replace("I", "ı").lower()
    last = next((letter for letter in reversed(folded) if letter in "aıeioöuü"), "a")
    harmony = {"a": "ı", "ı": "ı", "e": "i", "i": "i", "o": "u", "u": "u", "ö": "ü", "ü": "ü"}[last]
    return harmony, folded[-1] in "aıeioöuü", folded[-1] in "çfhkpsşt"


def _in_case_of(original: str, name: str, turkish: bool) -> str:
    if original.isupper() and len(original) > 1:
        return name.replace("i", "İ").upper() if turkish else name.upper()
    if original[0].islower():
        return name.replace("I", "ı").replace("İ", "i").lower() if turkish else name.lower()
    return name


def _digits(value: str) -> str:
    return "".join(character for character in value if character.isdigit())


def _fill(shape: str, content: str) -> str:
    """``content`` with the spaces, dashes and brackets of ``shape``; what is left over goes to the end."""
    rest = iter(content)
    filled = "".join(next(rest, "") if character.isalnum() else character for character in shape)
    return filled.rstrip() + "".join(rest)


def _mod_97(iban: str) -> int:
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97


def _luhn_check_digit(body: str) -> int:
    doubled = (int(digit) * 2 for digit in reversed(body))
    total = sum((sum(divmod(value, 10)) if place % 2 == 0 else value // 2) for place, value in enumerate(doubled))
    return -total % 10


_MAKERS: dict[str, Callable[[str, _Draw], str]] = {
    "email": _email, "phone": _phone, "iban": _iban, "card": _card, "tc_id": _tc_id, "ip": _ip,
    "url_credentials": _url_credentials, "name": _name, "address": _address,
}  # fmt: skip
