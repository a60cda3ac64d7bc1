"""Puts the report together: views in Python, words and layout in templates/, everything escaped unless made here as Markup."""

import os
import tempfile
from datetime import datetime
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateNotFound
from markupsafe import Markup

from ayar.report import numbers
from ayar.report.data_section import data_view
from ayar.report.evaluation_section import evaluation_view
from ayar.report.run_files import RunFiles
from ayar.report.training_section import training_view
from ayar.report.verdict import RULE, score, verdict

_TEMPLATES = resources.files("ayar.report") / "templates"


def write(run_folder: str | Path) -> Path:
    """Writes report.html into a run's folder, whole or not at all, and returns its path. Reads only that folder.

    Raises DataError where the folder is missing. Files that are missing or damaged are named in the report.
    """
    folder = Path(run_folder)
    page = render(RunFiles.read(folder), datetime.now())
    path = folder / "report.html"
    handle, partial = tempfile.mkstemp(prefix=".report.", suffix=".html", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        os.chmod(partial, 0o644)  # mkstemp's files are private; a report is to be passed on
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    return path


def render(run: RunFiles, made_at: datetime) -> str:
    """The page of a run."""
    environment = Environment(
        loader=FunctionLoader(_source), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {name: getattr(numbers, name) for name in ("count", "percent", "decimal", "duration", "words", "breakable")}
    evaluation = run.evaluation
    return environment.get_template("page.html").render(
        run=run,
        name=run.folder.resolve().name,
        made_at=made_at,
        version=version("ayar"),
        css=Markup(_source("report.css")),
        rule=RULE,
        score=score,
        verdict=verdict(evaluation) if evaluation else None,
        anonymized=run.anonymize_mode not in (None, "off"),
        data=data_view(run.preparation) if run.preparation else None,
        training=training_view(run) if run.steps else None,
        evaluation=evaluation_view(evaluation) if evaluation else None,
    )


def _source(name: str) -> str:
    if "/" in name:
        raise TemplateNotFound(name)
    return (_TEMPLATES / name).read_text(encoding="utf-8")
