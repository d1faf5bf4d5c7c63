"""The kind of spans that the tests bring, for every test of a format."""

from support.parts import places

__all__ = ["places"]
