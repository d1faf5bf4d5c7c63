"""The linear family. Its code is in `tfidf`, as other families use it too."""

from volant.models.tfidf import Linear

__all__ = ["Linear"]
