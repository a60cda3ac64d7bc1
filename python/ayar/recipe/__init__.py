"""A recipe: everything that decides what a run does, in one validated, immutable object."""

from ayar.recipe.schema import Recipe

__all__ = ["Recipe"]
