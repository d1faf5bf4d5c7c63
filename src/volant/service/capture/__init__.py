"""Capture of predictions."""
