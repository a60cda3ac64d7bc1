"""What a reader of one file format hands to sources.py."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa


class RawRows(NamedTuple):
    """columns: name in the file → its values, as Arrow strings or as Python objects. row: (n,) the 1-based row or line in the file.

    dropped: (row, reason) of what the reader left out.
    """

    columns: dict[str, pa.ChunkedArray | Sequence[Any]]
    row: np.ndarray
    dropped: list[tuple[int, str]]
