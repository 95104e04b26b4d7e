import sys

from lexigrad.cli import main

sys.exit(main())
