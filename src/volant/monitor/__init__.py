"""Alerts, and the captured traffic that monitoring reads."""
