"""Street addresses by their unit words: Mahalle, Cadde, Sokak, No in Turkish; a number before Street, Road and the like in English."""

import re
from typing import NamedTuple

_NAME = r"[A-ZÇĞİÖŞÜ0-9][\w.’']{0,24}"
_UNIT = r"(?i:Mah(?:alle(?:si)?)?|Mh|Cad(?:de(?:si)?)?|Cd|Sok(?:ak|ağı)?|Sk|Bulvarı|Bulv|Blv|Sit(?:esi)?|Apt|Apartmanı|Blok)\b\.?"
_DETAIL = r"(?i:(?:No|Daire|D|Kat|K|Blok)\s?[.:]?\s?\d{1,4}(?:\s?/\s?\w{1,4})?[A-Z]?\b|\b\d{5}\b|\b\d{1,4}/\d{1,4}\b)"
_PLACE = r"[A-ZÇĞİÖŞÜ][\wçğıöşü]{2,20}\s?/\s?[A-ZÇĞİÖŞÜ][\wçğıöşü]{2,20}"
_STREET = rf"(?:(?:{_NAME}\s){{1,3}}|\b\w{{2,24}}\s){_UNIT}"  # of a name in small letters only the last word can be told
_PART = rf"(?:{_STREET}|{_DETAIL}|{_PLACE})"
_TURKISH = re.compile(rf"(?<!\w){_STREET}(?:[\s,.\-/]{{1,3}}{_PART}){{0,8}}")
_UNITS = re.compile(rf"(?<!\w){_UNIT}")
_ENGLISH = re.compile(
    r"(?<![\w-])(?:(?:Flat|Apt|Apartment|Unit)\.?\s\w{1,4},?\s)?\d{1,5}[A-Za-z]?\s(?:[A-Z][a-z’']{1,20}\s){1,3}"
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Way|Close|Crescent|Square|Terrace|Place|Gardens)\b\.?"
    r"(?:,?\s(?:Apt|Flat|Unit|Apartment)\.?\s\w{1,4})?(?:,\s?[A-Z][a-z]{2,20})?"
    r"(?:,?\s(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]{2}\s\d{5})\b)?"
)


class AddressSpan(NamedTuple):
    """Half-open range of CHARACTERS, and the language whose rule found it: tr or en."""

    start: int
    end: int
    language: str


def find_addresses(text: str) -> list[AddressSpan]:
    """Sorted, without overlaps. A Turkish one needs a number or two unit words; one street name in passing is no address."""
    found = [AddressSpan(*match.span(), "tr") for match in _TURKISH.finditer(text) if _is_address(match.group())]
    found += [AddressSpan(*match.span(), "en") for match in _ENGLISH.finditer(text)]
    found.sort()
    return [span for place, span in enumerate(found) if not place or span.start >= max(other.end for other in found[:place])]


def _is_address(text: str) -> bool:
    units = len(_UNITS.findall(text))
    return units >= 2 or (units == 1 and any(character.isdigit() for character in text))
