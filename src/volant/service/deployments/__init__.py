"""Deployed models: loading, batching, following the champion."""
