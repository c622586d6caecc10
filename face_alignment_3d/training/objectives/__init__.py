"""What a step minimizes."""
