"""`python -m genie_hf.cli`: the same as `genie-hf`."""

from . import main

main()
