"""Markdown tables and figures."""
