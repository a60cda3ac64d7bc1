"""Scores a tuned model and its base on held-out rows and on general text."""

from ayar.evaluate.progress import Scored
from ayar.evaluate.run import run
from ayar.evaluate.settings import EvaluateSettings

__all__ = ["EvaluateSettings", "Scored", "run"]
