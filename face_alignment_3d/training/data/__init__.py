"""Samples, what a run reads them from, and how crops of them vary."""
