"""Property tests draw the same examples each run, and a slow machine fails none of them."""

from hypothesis import settings

settings.register_profile("volant", deadline=None, derandomize=True)
settings.load_profile("volant")
