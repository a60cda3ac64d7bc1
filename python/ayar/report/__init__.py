"""The report of a run: one HTML page that needs nothing else, made from the files in the run's folder."""

from ayar.report.page import write

__all__ = ["write"]
