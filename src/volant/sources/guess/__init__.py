"""Guess the columns and the task of a file that nobody described."""
