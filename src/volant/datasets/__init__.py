"""Datasets in the lake: ingested, validated, immutable sets of TRAIN or TEST rows, each with a card.

catalogue     which datasets there are, and their rows
reading       files of every form as raw columns with their line numbers
"""
