"""The files of a run, by name; and writing them so that a reader never meets half a file."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ayar.errors import DataError, RecipeError


@dataclass(frozen=True)
class RunFolder:
    root: Path

    @property
    def recipe(self) -> Path:
        return self.root / "recipe.yaml"

    @property
    def prepared(self) -> Path:
        """Holds train.parquet, test.parquet, rejected.parquet and prepare.json's twin: replaced as one."""
        return self.root / "prepared"

    @property
    def prepare_report(self) -> Path:
        return self.root / "prepare.json"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def adapter(self) -> Path:
        return self.root / "adapter"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation.json"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    @property
    def merged(self) -> Path:
        return self.root / "merged"

    def check_writable(self, bytes_needed: int) -> None:
        """Raises RecipeError where the folder cannot be made, is a file, or its disk has less than ``bytes_needed`` left."""
        nearest = next(parent for parent in (self.root.absolute(), *self.root.absolute().parents) if parent.exists())
        if not nearest.is_dir():
            raise RecipeError(f"{nearest}: a file where `output` needs a folder. Set `output` to another path.")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise RecipeError(f"{nearest}: permission denied. Set `output` to a folder that can be written.")
        free = shutil.disk_usage(nearest).free
        if free < bytes_needed:
            raise RecipeError(
                f"{self.root}: {bytes_needed / 1e6:.0f} MB are needed there and {free / 1e6:.0f} MB are free. "
                "Free some, or set `output` to another disk."
            )


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    with replaced(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: Path, made_by: str) -> Any:
    """Raises DataError naming the command that makes the file, where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: not there yet. Make it with: {made_by}") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise DataError(f"{path}: damaged. Make it again with: {made_by}") from None


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A path to write to (a file or a folder), which takes ``path``'s place when the block ends well and vanishes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        partial = room / path.name
        yield partial
        if path.is_dir() and partial.is_dir():
            path.rename(room / "before")
        partial.rename(path)
    finally:
        shutil.rmtree(room, ignore_errors=True)
