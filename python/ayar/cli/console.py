"""Where the command line writes: results on stdout, notices and errors on stderr; colour and live lines only on a terminal."""

from rich.console import Console
from rich.table import Table

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def say_error(message: str) -> None:
    """The whole message, unwrapped, so that paths in it can be copied."""
    err.print("[bold red]Error[/] ", end="")
    err.print(message, markup=False, soft_wrap=True)


def heading(text: str, console: Console = out) -> None:
    console.print(f"\n[bold]{text}[/]")


def table(*columns: str, numbers: tuple[int, ...] = ()) -> Table:
    """A borderless table; ``numbers`` are the positions of right-aligned columns."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for position, column in enumerate(columns):
        made.add_column(column, justify="right" if position in numbers else "left", overflow="fold")
    return made


def count(number: float) -> str:
    """1234567 → 1,234,567"""
    return f"{number:,.0f}"


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would use: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(byte_count: float) -> str:
    """Bytes in the largest unit that keeps the number over 1: 512 B, 1.2 MB, 3.4 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if byte_count < 1000 or unit == "GB":
            break
        byte_count /= 1000
    return f"{byte_count:.0f} {unit}" if unit == "B" else f"{byte_count:.1f} {unit}"
