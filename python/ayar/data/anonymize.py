"""Replaces personal data before anything is written to disk, then looks again until nothing more is found.

What this gives is pseudonymised text as GDPR 4(5) and KVKK mean it, not anonymous data: rules find what they know. The key of the
stand-ins is random in every run and is never stored, so nobody can compute them back.
"""

import secrets
from collections import Counter, defaultdict
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from ayar.data.personal_data import KINDS, PersonalSpan, find_personal_data
from ayar.data.stage import Stage, split_by_reason
from ayar.data.surrogates import Surrogates, normalised
from ayar.data.text_columns import flatten_texts, restore_texts
from ayar.errors import DataError
from ayar.settings import Settings

Kind = Literal["email", "phone", "iban", "card", "tc_id", "ip", "url_credentials", "name", "address"]

PASSES = 4  # a replacement can join what stands beside it into a new span; each pass takes those


class AnonymizeSettings(Settings):
    """What happens to the personal data in the texts, before anything is written."""

    mode: Literal["replace", "placeholder", "remove", "off"] = Field(
        default="replace", description="replace: consistent made-up values that are nobody's; placeholder: [EMAIL_1]; remove; or off"
    )
    kinds: tuple[Kind, ...] = Field(default=KINDS, description="kinds of personal data to look for")
    keep: tuple[str, ...] = Field(
        default=(), description="values that are not personal, such as your own support address; they stay as they are"
    )
    key_file: Path | None = Field(
        default=None,
        description="file whose bytes decide the made-up values, to get the same in several runs; guard it. Default: random, never stored",
    )


def anonymize(table: pa.Table, settings: AnonymizeSettings, task: str) -> Stage:
    """The report counts spans by kind under `personal_data`, and the rows touched under `changed`.

    A row in which something is still found after several passes is dropped (personal_data_left), never let through.
    """
    if settings.mode == "off":
        return _report(table, np.full(table.num_rows, None, dtype=object), settings, Counter(), touched=0)
    texts, owner = flatten_texts(table, task)
    replacer = _Replacer(settings)
    counts: Counter[str] = Counter()
    values: list[str] = texts.to_pylist()
    written: dict[int, list[PersonalSpan]] = {}
    looked_at = np.arange(len(values))
    touched: set[int] = set()
    rows = np.zeros(0, np.int64)
    for turn in range(PASSES + 1):
        found = replacer.find(values, owner, looked_at, written)
        rows = np.unique(owner[list(found)]) if found else np.zeros(0, np.int64)
        if not found or turn == PASSES:
            break
        for place, spans in found.items():
            counts.update(span.kind for span in spans)
            values[place], written[place] = replacer.replace(values[place], int(owner[place]), spans, written.get(place, []))
        touched |= set(rows.tolist())
        looked_at = np.flatnonzero(np.isin(owner, rows))
    reasons = np.full(table.num_rows, None, dtype=object)
    reasons[rows] = "personal_data_left"
    return _report(restore_texts(table, task, pa.array(values, pa.string())), reasons, settings, counts, len(touched))


def _report(table: pa.Table, reasons: np.ndarray, settings: AnonymizeSettings, counts: Counter[str], touched: int) -> Stage:
    personal = {kind: counts[kind] for kind in KINDS if counts[kind]}
    stage = split_by_reason(table, reasons, "anonymize", personal_data=personal, mode=settings.mode)
    stage.report["changed"] = {"rows": touched}
    return stage


class _Replacer:
    def __init__(self, settings: AnonymizeSettings) -> None:
        self._mode = settings.mode
        self._kept = {(kind, normalised(kind, value)) for kind in settings.kinds for value in settings.keep}
        self._surrogates = Surrogates(_read_key(settings.key_file))
        self._kinds = settings.kinds
        self._seen: defaultdict[tuple[int, str], list[str]] = defaultdict(list)

    def find(
        self, values: list[str], owner: np.ndarray, looked_at: np.ndarray, written: dict[int, list[PersonalSpan]]
    ) -> dict[int, list[PersonalSpan]]:
        """Place of a text → the spans in it that are still somebody's: neither written by us nor to be kept."""
        texts = pa.array([values[place] for place in looked_at], pa.string())
        found: dict[int, list[PersonalSpan]] = {}
        for place, spans in zip(looked_at.tolist(), find_personal_data(texts, owner[looked_at], self._kinds), strict=True):
            ours = written.get(place, [])
            left = [span for span in spans if all(span.end <= old.start or old.end <= span.start for old in ours)]
            left = [span for span in left if (span.kind, normalised(span.kind, _cut(values[place], span))) not in self._kept]
            if left:
                found[place] = left
        return found

    def replace(self, text: str, row: int, spans: list[PersonalSpan], written: list[PersonalSpan]) -> tuple[str, list[PersonalSpan]]:
        """The text with every span replaced, and where all replacements now stand in it."""
        whole, parts, places, at, shift = text.encode(), [], [], 0, 0
        for span, is_new in sorted([(span, True) for span in spans] + [(span, False) for span in written]):
            said = whole[span.start : span.end]
            put = self._put(span.kind, said.decode(), row).encode() if is_new else said
            parts += [whole[at : span.start], put]
            places.append(PersonalSpan(span.start + shift, span.start + shift + len(put), span.kind))
            at = span.end
            if not put and is_new and whole[at : at + 1] == b" " and whole[: at - len(said)][-1:] in (b" ", b""):
                at += 1  # of the two spaces around a removed word one goes with it
            shift += len(put) - (at - span.start)
        return b"".join([*parts, whole[at:]]).decode(), places

    def _put(self, kind: str, original: str, row: int) -> str:
        if self._mode == "remove":
            return ""
        if self._mode == "replace":
            return self._surrogates.stand_in(kind, original)
        return f"[{kind.upper()}_{self._number(row, kind, normalised(kind, original))}]"

    def _number(self, row: int, kind: str, value: str) -> int:
        """The same for the same value in a row; for a name also when only a part of it is said."""
        seen = self._seen[row, kind]
        for number, other in enumerate(seen, start=1):
            alike = kind == "name" and (set(value.split()) <= set(other.split()) or set(other.split()) <= set(value.split()))
            if value == other or alike:
                return number
        seen.append(value)
        return len(seen)


def _cut(text: str, span: PersonalSpan) -> str:
    return text.encode()[span.start : span.end].decode()


def _read_key(path: Path | None) -> bytes:
    if path is None:
        return secrets.token_bytes(32)
    try:
        key = path.read_bytes()
    except OSError as error:
        raise DataError(f"anonymize.key_file: {path} cannot be read ({error.strerror}).") from None
    if len(key) < 16:
        raise DataError(f"anonymize.key_file: {path} holds {len(key)} bytes; a key needs 16 or more.")
    return key
