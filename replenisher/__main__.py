"""`python -m replenisher` is the command `replenisher`."""

from replenisher.cli import main

main()
