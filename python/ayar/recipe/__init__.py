"""A recipe: everything that decides what a run does, in one validated, immutable object."""
