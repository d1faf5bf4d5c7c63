"""Captured traffic."""
