"""The losses that a training step minimizes."""
