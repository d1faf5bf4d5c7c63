"""A trained model as a folder: verify, load, predict."""

from volant.bundle.bundle import Bundle

__all__ = ["Bundle"]
