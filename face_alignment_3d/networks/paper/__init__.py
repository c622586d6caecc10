"""The networks of the preset ``paper``."""
