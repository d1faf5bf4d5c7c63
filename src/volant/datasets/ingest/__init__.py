"""Ingest: check new rows and add them to the lake of a flywheel."""
