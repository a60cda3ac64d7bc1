"""`ayar chat`: reads a message, streams the answer. From a pipe it answers each line and prints nothing else."""

import sys
from pathlib import Path

from ayar.cli.console import out
from ayar.pipeline.conversation import Conversation


def converse(run_folder: Path, use_adapter: bool) -> None:
    conversation = Conversation(run_folder, use_adapter)
    is_dialogue = sys.stdin.isatty()
    if is_dialogue:
        out.print(f"[dim]Task {conversation.task}; {'tuned' if use_adapter else 'base'} model. An empty line or Ctrl-D ends.[/]")
    while (text := _read(is_dialogue)) is not None:
        for piece in conversation.reply(text):
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")


def _read(is_dialogue: bool) -> str | None:
    try:
        text = input("> " if is_dialogue else "").strip()
    except (EOFError, KeyboardInterrupt):
        return None
    return text or None
