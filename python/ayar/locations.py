"""Where Ayar keeps what it makes for itself."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The variable AYAR_CACHE, else ~/.cache/ayar."""
    return Path(os.environ.get("AYAR_CACHE") or Path.home() / ".cache" / "ayar")
