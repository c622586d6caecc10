"""Whole runs, from folders of data to a weight file, and their settings."""
