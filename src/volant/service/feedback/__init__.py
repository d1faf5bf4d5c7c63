"""Feedback: intake, screening, review, ground truth, training rows."""
