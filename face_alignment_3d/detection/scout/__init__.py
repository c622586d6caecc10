"""The scout: a single-shot face detector that also predicts the lean of each head."""
