"""Cleaning: an ordered list of named pure steps over text, the same in training and at prediction."""

from volant.cleaning.engine import clean_batch, clean_tables, clean_texts
from volant.cleaning.registry import STEPS, parse_steps

__all__ = ["STEPS", "clean_batch", "clean_tables", "clean_texts", "parse_steps"]
