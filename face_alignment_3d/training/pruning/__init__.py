"""Pruning a trained cascade to a narrower one."""
