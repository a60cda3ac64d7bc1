"""The commands. Each one loads the recipe, calls the pipeline's function of the same name, and shows what came back."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ayar import __version__
from ayar.errors import Interrupted

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Ayar: from raw text to a fine-tuned language model on limited hardware. Start with: ayar run RECIPE",
)
RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.", show_default=False)]
Resume = Annotated[
    bool | None,
    typer.Option(
        "--resume/--fresh",
        help="Continue from the last checkpoint or fail; or start anew. Without either, an interrupted run of the same recipe continues.",
        show_default=False,
    ),
]


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Registers a command; Ctrl-C in it ends with one line and exit code 130."""

    @app.command()
    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt:
            raise Interrupted("Stopped before there was anything to resume. Run the same command to start again.") from None

    return guarded


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ayar {__version__}")
        raise typer.Exit


@app.callback()
def ayar(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@command
def run(recipe: RecipeFile, resume: Resume = None) -> None:
    """The whole way: prepare, train, evaluate, report."""
    from ayar import pipeline
    from ayar.cli.closing import show_closing
    from ayar.cli.live import Live

    with Live() as live:
        result = pipeline.run(recipe, resume=resume, progress=live)
    show_closing(result.folder)


@command
def prepare(recipe: RecipeFile) -> None:
    """Read, clean, anonymize, balance and split the data; format it for the model."""
    from ayar import pipeline
    from ayar.cli.closing import show_data
    from ayar.cli.live import Live

    with Live() as live:
        result = pipeline.prepare(recipe, progress=live)
    show_data(result.report)


@command
def train(recipe: RecipeFile, resume: Resume = None) -> None:
    """Train the adapter; prepares the data first where that has not been done."""
    from ayar import pipeline
    from ayar.cli.closing import show_training
    from ayar.cli.live import Live

    with Live() as live:
        result = pipeline.train(recipe, resume=resume, progress=live)
    show_training(result)


@command
def evaluate(recipe: RecipeFile) -> None:
    """Score the base model and the tuned one on the held-out rows and on general text."""
    from ayar import pipeline
    from ayar.cli.closing import show_evaluation
    from ayar.cli.live import Live

    with Live() as live:
        result = pipeline.evaluate(recipe, progress=live)
    show_evaluation(result.scores)


@command
def report(recipe: RecipeFile) -> None:
    """Write report.html from what the run folder holds."""
    from ayar import pipeline

    typer.echo(pipeline.report(recipe))


@command
def inspect(
    recipe: RecipeFile,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many rows to show.")] = 3,
) -> None:
    """Show examples as the model sees them: what it learns in colour, what only stands before it in grey."""
    from ayar import pipeline
    from ayar.cli.masking import show_examples

    show_examples(pipeline.inspect(recipe, rows=rows))


@command
def estimate(
    recipe: RecipeFile,
    gpu: Annotated[str | None, typer.Option("--gpu", help="Predict a step on a GPU too: 3060, 4090, a100 or h100.")] = None,
) -> None:
    """Say how long training will take and how much memory it needs, before it starts. Exit code 1 where it does not fit."""
    from ayar import pipeline
    from ayar.cli.opening import show_estimate, show_prediction

    found = pipeline.estimate(recipe)
    show_estimate(found)
    if gpu is not None:
        show_prediction(pipeline.predict(recipe, found, gpu))
    if not found.fits:
        raise typer.Exit(1)


@command
def recipe(
    recipe: Annotated[Path | None, typer.Argument(metavar="[RECIPE]", help="Print this recipe with every default filled in.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Print every setting with its default and meaning.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="With --explain: as a Markdown page.")] = False,
) -> None:
    """Print the recipe in full, or explain every setting."""
    from ayar.recipe import Recipe
    from ayar.recipe.explain import explain_markdown, explain_text

    if recipe is None and not explain:
        raise typer.BadParameter("give a recipe to print in full, or --explain for all settings", param_hint="RECIPE")
    if explain:
        typer.echo(explain_markdown(Recipe) if markdown else explain_text(Recipe), nl=False)
    if recipe is not None:
        typer.echo(Recipe.load(recipe).as_yaml(), nl=False)


@command
def export(
    recipe: RecipeFile,
    folder: Annotated[
        Path | None, typer.Option("--to", help="Where to write; default: merged/ in the run folder.", show_default=False)
    ] = None,
) -> None:
    """Merge the adapter into the model's weights: a folder that transformers, vLLM and other engines load."""
    from ayar import pipeline
    from ayar.cli.closing import show_export

    show_export(pipeline.export(recipe, folder=folder))


@command
def chat(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN_FOLDER", help="The folder of a finished run.", show_default=False)],
    base: Annotated[bool, typer.Option("--base", help="Talk to the model without the adapter.")] = False,
) -> None:
    """Talk to the tuned model."""
    from ayar.cli.conversation import converse

    converse(run_folder, use_adapter=not base)


InputFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="CSV, JSONL, JSON, Parquet or text; - is standard input.", show_default=False, allow_dash=True),
]
Columns = Annotated[list[str] | None, typer.Option("--column", help="A column to take; may be given again. Default: every text.")]
Output = Annotated[Path | None, typer.Option("--to", help="Where to write; default: standard output.", show_default=False)]


@command
def clean(
    file: InputFile,
    column: Columns = None,
    enable: Annotated[list[str] | None, typer.Option("--with", help="An operator to switch on; may be given again.")] = None,
    disable: Annotated[list[str] | None, typer.Option("--without", help="An operator to switch off; may be given again.")] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show what would change, in colour; write nothing unless --to is given.")] = False,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="With --diff: how many changed texts to show.")] = 10,
    to: Output = None,
) -> None:
    """Clean the texts of a file with the operators of a recipe's clean section."""
    from ayar.cli import text_files
    from ayar.pipeline import files

    source = files.open_texts(file, column)
    cleaned = files.clean(source, enable or [], disable or [])
    if diff:
        text_files.show_diff(source.texts, cleaned, rows)
    if to is not None or not diff:
        text_files.write_bytes(source.rebuild(cleaned.texts), to)
    text_files.show_counts(cleaned, len(source.texts))


@command
def tokenize(
    file: InputFile,
    column: Columns = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Model folder or tokenizer.json; default: SmolLM2.", show_default=False)
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Write each text's ids as a JSON array a line; without it only count.")] = False,
    to: Output = None,
) -> None:
    """Count the tokens of a file's texts, or write their ids."""
    from ayar.cli import text_files
    from ayar.pipeline import files

    source = files.open_texts(file, column)
    tokens = files.tokenize(source, model)
    if ids:
        text_files.write_bytes(tokens.json_lines(), to)
    text_files.show_token_counts(tokens.counts, tokens.characters, tokens.tokenizer)


@command
def doctor() -> None:
    """Show what this machine offers and what Ayar chose: processor, kernels and their measurement, GPU, versions."""
    from ayar import pipeline
    from ayar.cli.opening import show_doctor

    found = pipeline.doctor()
    show_doctor(found)
    if not all(check.works for check in found):
        raise typer.Exit(1)
