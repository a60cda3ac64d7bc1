"""Canonical tables for tests, written down short."""

from collections.abc import Sequence

import pyarrow as pa

from ayar.data.stage import Stage
from ayar.data.tasks import canonical_schema


def classified(*rows: tuple[str, str], split: Sequence[str] | None = None) -> pa.Table:
    """Rows of (text, label)."""
    return table("classify", [{"text": text, "label": label} for text, label in rows], split)


def table(task: str, rows: Sequence[dict], split: Sequence[str] | None = None) -> pa.Table:
    whole = [{"id": f"t.csv:{row}", "source": "t.csv", "row": row} | values for row, values in enumerate(rows, start=2)]
    made = pa.Table.from_pylist(whole, schema=canonical_schema(task))
    return made if split is None else made.append_column("split", pa.array(list(split), pa.string()))


def reasons(stage: Stage) -> dict[int, str]:
    """Row → why it was dropped; also checks that every row is on one side and that the report counts as the tables do."""
    report = stage.report
    assert report["rows_out"] == stage.kept.num_rows
    assert sum(report["dropped"].values()) == stage.dropped.num_rows
    assert report["rows_in"] + report["changed"].get("copied", 0) == report["rows_out"] + stage.dropped.num_rows
    assert set(stage.dropped["stage"].to_pylist()) <= {report["stage"]}
    return dict(zip(stage.dropped["row"].to_pylist(), stage.dropped["reason"].to_pylist(), strict=True))
