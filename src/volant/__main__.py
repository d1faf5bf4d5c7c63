"""`python -m volant` is `volant`."""

from volant.cli import app

app()
