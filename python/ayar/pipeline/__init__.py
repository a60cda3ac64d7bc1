"""What the commands do, as functions. Each takes a recipe (a path, a mapping of settings, or a ``Recipe``) and returns a small result."""

from ayar.pipeline.diagnosis import Check, doctor

__all__ = ["Check", "doctor"]
