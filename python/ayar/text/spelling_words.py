"""Words of a language and how frequent they are, from the package wordfreq, kept in a file of the cache folder for the next time.

wordfreq's data are under CC-BY-SA: they are read on the user's machine and never shipped.
"""

import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal

import pyarrow as pa

from ayar.errors import DataError
from ayar.locations import cache_folder

Language = Literal["en", "tr"]

_SCHEMA = pa.schema([("word", pa.string()), ("frequency", pa.float32())])


def frequent_words(language: Language, progress: Callable[[str], None] | None = None) -> pa.Table:
    """word: string, most frequent first; frequency: float32, of all words of a text. 290,000 words of English, 61,000 of Turkish.

    ``progress`` is told when the table has to be made, which takes a second or two. Raises DataError where wordfreq is not installed.
    """
    path = cache_folder() / "spelling" / f"{language}-{_installed_version()}.arrow"
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
            if table.schema.equals(_SCHEMA) and table.num_rows:
                return table
    except (OSError, pa.ArrowInvalid):
        pass  # absent or damaged: made again
    if progress:
        progress(f"reading the word frequencies of {language}")
    table = _from_wordfreq(language)
    _keep(table, path)
    return table


def _installed_version() -> str:
    try:
        return version("wordfreq")
    except PackageNotFoundError:
        raise DataError("Spelling needs word frequencies: pip install 'ayar[spelling]', or turn spelling off.") from None


def _from_wordfreq(language: Language) -> pa.Table:
    if find_spec("wordfreq") is None:
        _installed_version()
    from wordfreq import get_frequency_dict  # an optional package, and slow to import

    listed = [(word, frequency) for word, frequency in get_frequency_dict(language, "best").items() if word.isalpha()]
    listed.sort(key=lambda entry: (-entry[1], entry[0]))
    return pa.table([pa.array([word for word, _ in listed]), pa.array([f for _, f in listed], pa.float32())], schema=_SCHEMA)


def _keep(table: pa.Table, path: Path) -> None:
    """Whole or not at all; a folder that cannot be written costs the next process a second."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            part = Path(file.name)
        with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        os.replace(part, path)
    except OSError:
        return
