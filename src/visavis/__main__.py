"""`python -m visavis` is the command line."""

import sys

from visavis.cli import main

sys.exit(main())
