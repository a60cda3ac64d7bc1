"""Ayar: from raw text to a fine-tuned language model on limited hardware."""

from importlib.metadata import version

__version__ = version("ayar")
