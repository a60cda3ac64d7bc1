"""The command line. Here its door: an error that a user can mend becomes one message on stderr and an exit code, without a traceback."""

import errno
import sys
from collections.abc import Sequence
from typing import NoReturn

from ayar.errors import AyarError

_DISK_ERRORS = {
    errno.ENOSPC: "there is no space left on that disk. Free some, or set `output` to another disk, and run the same command again",
    errno.EDQUOT: "your quota on that disk is used up. Free some, or set `output` to another disk, and run the same command again",
    errno.EROFS: "that disk is read-only. Set `output` to a folder that can be written",
    errno.EACCES: "permission denied. Set `output` to a folder of your own, or change the permissions",
    errno.EPERM: "permission denied. Set `output` to a folder of your own, or change the permissions",
}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits: 0 done, 2 a mistake that the message names, 130 stopped by the user."""
    from ayar.cli.commands import app

    try:
        app(args=arguments, prog_name="ayar")
    except AyarError as error:
        _leave(str(error), error.exit_code)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        _leave(f"{error.filename or 'A file'}: {_DISK_ERRORS[error.errno]}.", 2)
    sys.exit(0)


def _leave(message: str, exit_code: int) -> NoReturn:
    from ayar.cli.console import say_error

    say_error(message)
    sys.exit(exit_code)
