"""What `python -m scalescope` runs of the installed package, whose `__main__.py` this is."""

import sys

from scalescope import main

sys.exit(main(prog="python -m scalescope"))
