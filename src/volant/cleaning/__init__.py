"""Cleaning: an ordered list of named pure steps over text, the same in training and at prediction."""

from volant.cleaning.parse import STEPS, parse_steps
from volant.cleaning.run import clean_batch, clean_tables, clean_texts

__all__ = ["STEPS", "clean_batch", "clean_tables", "clean_texts", "parse_steps"]
