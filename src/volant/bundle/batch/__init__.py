"""Batch prediction: answer the documents of files with a bundle."""
