"""Examples with what the model learns in colour and the rest in grey; without colours the learnt parts stand in ⟦brackets⟧."""

from rich.text import Text

from ayar.cli.console import count, heading, out
from ayar.pipeline.inspection import Example


def show_examples(examples: list[Example]) -> None:
    for example in examples:
        share = example.trained_tokens / max(example.tokens, 1)
        heading(f"{example.id}  {count(example.tokens)} tokens, {count(example.trained_tokens)} of them learnt ({share:.0%})")
        out.print(coloured(example, marked=not out.is_terminal), soft_wrap=True)


def coloured(example: Example, marked: bool) -> Text:
    """``marked``: brackets around the learnt parts, for output without colour."""
    text = Text()
    for piece, trained in example.pieces:
        if trained:
            text.append(f"⟦{piece}⟧" if marked else piece, style="bold green")
        else:
            text.append(piece, style="bright_black")
    return text
