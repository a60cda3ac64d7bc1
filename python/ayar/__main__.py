"""`python -m ayar` is `ayar`."""

from ayar.cli import main

main()
