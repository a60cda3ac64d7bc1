"""The base of every settings model. A setting is born once, with its range, default and meaning."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Immutable and strict: an unknown key is an error. Every field has a ``description``; `ayar recipe --explain` reads it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
