"""The networks of the cascade, and its presets."""
