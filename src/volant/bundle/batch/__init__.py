"""Answer files of texts with a bundle."""
