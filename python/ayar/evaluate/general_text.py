"""The text on which forgetting is measured: unrelated to any task."""

from importlib import resources
from pathlib import Path

from ayar.errors import DataError

BUILT_IN = "built-in general text"


def general_text(path: Path | None) -> dict[str, str]:
    """Name of each part → its text; without a path the built-in parts, by language. Raises DataError naming the file."""
    if path is None:
        folder = resources.files("ayar.evaluate") / "general_text"
        return {name: (folder / f"{name}.txt").read_text(encoding="utf-8") for name in ("en", "tr")}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"evaluate.general_text: {path} cannot be read ({error.strerror}). Give the path of a text file.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"evaluate.general_text: {path} is not UTF-8 (byte {error.start + 1:,}). Save it as UTF-8.") from None
    if not text.strip():
        raise DataError(f"evaluate.general_text: {path} is empty. Give a file with some pages of text.")
    return {path.name: text}
