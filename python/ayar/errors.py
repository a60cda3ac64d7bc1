"""What can go wrong, in words for the person at the keyboard. An error owns its exit code; it never holds a row's text."""


class AyarError(Exception):
    """Base of all errors that a user can mend. Says where, what and the remedy; the command line prints it and exits."""

    exit_code = 2


class RecipeError(AyarError):
    """A recipe names an unknown key, a wrong value, or a combination that makes no sense."""


class DataError(AyarError):
    """A data file or a row cannot be used: names the file, the row or column, and the remedy. Never quotes the row."""


class ModelError(AyarError):
    """A model folder, tokenizer, checkpoint or adapter is missing, damaged, or does not fit."""


class TrainingError(AyarError):
    """Training cannot start or go on: nothing to learn from, a loss that is no number, a checkpoint that cannot be written or resumed."""


class ShapeError(AyarError, ValueError):
    """A tensor's shape or dtype is not what an op takes."""


class BackendError(AyarError, RuntimeError):
    """The wanted kernels are not usable here."""


class Interrupted(AyarError):  # noqa: N818 - it is no mistake
    """The user stopped the work (Ctrl-C or SIGTERM). Says how to go on."""

    exit_code = 130
