"""The tabs of the web UI."""
