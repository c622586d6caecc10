"""Samples, the folders that they are read from, and the variation of their crops."""
