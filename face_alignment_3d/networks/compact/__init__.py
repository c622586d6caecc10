"""The networks of the compact presets."""
