"""Volant: an NLP flywheel that you own."""
