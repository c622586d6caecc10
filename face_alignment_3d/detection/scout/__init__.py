"""The scout: a single-shot face detector that also says how each head leans."""
