"""Alerts, and the captured predictions that monitoring reads."""
