"""Describe the data of a flywheel: card, survey, warnings, plot."""
