"""The report's view of the data: what became of the rows, of the classes, and which personal data was found."""

from collections.abc import Mapping
from dataclasses import dataclass

from ayar.report.numbers import count, words
from ayar.report.schema import Preparation, StageCounts

MOST_CLASSES = 12
_KINDS = {
    "email": "e-mail address",
    "phone": "phone number",
    "iban": "IBAN",
    "card": "payment card",
    "tc_id": "T.C. identity number",
    "ip": "IP address",
    "url_credentials": "password in a URL",
    "address": "street address",
}


@dataclass(frozen=True)
class StageRow:
    """share: rows after the stage, as a part of the largest stage."""

    name: str
    rows: str
    share: float
    drops: list[str]
    changes: list[str]


@dataclass(frozen=True)
class ClassRow:
    label: str
    before: int
    after: int
    before_share: float
    after_share: float


@dataclass(frozen=True)
class KindRow:
    kind: str
    found: int
    share: float


@dataclass(frozen=True)
class DataView:
    rows_in: int
    rows_kept: int
    train: int
    test: int
    stages: list[StageRow]
    classes: list[ClassRow]
    more_classes: list[ClassRow]
    personal_data: list[KindRow]
    personal_data_total: int


def data_view(preparation: Preparation) -> DataView:
    classes = _classes(preparation.classes.before, preparation.classes.after)
    found = {kind: number for kind, number in preparation.personal_data.items() if number}
    most = max(found.values(), default=1)
    return DataView(
        rows_in=preparation.rows_in,
        rows_kept=preparation.rows_kept,
        train=preparation.split.train,
        test=preparation.split.test,
        stages=_stages(preparation),
        classes=classes[:MOST_CLASSES],
        more_classes=classes[MOST_CLASSES:],
        personal_data=[
            KindRow(_KINDS.get(kind, words(kind)), found[kind], found[kind] / most)
            for kind in sorted(found, key=lambda kind: (-found[kind], kind))
        ],
        personal_data_total=sum(found.values()),
    )


def _stages(preparation: Preparation) -> list[StageRow]:
    most = max([preparation.rows_in, *(stage.rows_out for stage in preparation.stages), 1])
    first = StageRow("read", count(preparation.rows_in), preparation.rows_in / most, [], [])
    return [first, *(StageRow(words(s.stage), count(s.rows_out), s.rows_out / most, _drops(s), _changes(s)) for s in preparation.stages)]


def _drops(stage: StageCounts) -> list[str]:
    return [f"{count(rows)} {words(reason)}" for reason, rows in sorted(stage.dropped.items(), key=lambda item: -item[1]) if rows]


def _changes(stage: StageCounts) -> list[str]:
    numbers = {name: value for name, value in stage.changed.items() if isinstance(value, int) and not isinstance(value, bool) and value}
    changes = [f"{words(name)} {count(value)}" for name, value in sorted(numbers.items(), key=lambda item: -item[1])]
    added = stage.rows_out + sum(stage.dropped.values()) - stage.rows_in
    return [*changes, f"{count(added)} rows repeated"] if added > 0 else changes


def _classes(before: Mapping[str, int], after: Mapping[str, int]) -> list[ClassRow]:
    most = max([*before.values(), *after.values(), 1])
    labels = sorted(before.keys() | after.keys(), key=lambda label: (-before.get(label, 0), label))
    return [
        ClassRow(label, before.get(label, 0), after.get(label, 0), before.get(label, 0) / most, after.get(label, 0) / most)
        for label in labels
    ]
