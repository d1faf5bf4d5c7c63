"""Splits without leaks: groups, near-duplicates, stable positions."""
