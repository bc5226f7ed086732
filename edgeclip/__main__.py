"""Run the command line with ``python -m edgeclip``."""

from edgeclip.cli import main

main()
