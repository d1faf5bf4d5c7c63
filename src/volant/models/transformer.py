"""The transformer family. Its code is in `fine_tuning`, as other families use it too."""

from volant.models.fine_tuning import Transformer

__all__ = ["Transformer"]
