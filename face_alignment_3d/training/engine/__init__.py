"""The training loop, whatever is trained: batches, processes, checkpoints, export."""
