"""Metrics, traces and sinks."""
