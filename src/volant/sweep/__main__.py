"""Run with `python -m volant.sweep -m flywheel=reviews sweep=transformer`."""

import sys

from volant.sweep.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
