"""A trained cascade, made narrower."""
