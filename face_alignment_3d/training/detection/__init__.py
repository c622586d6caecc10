"""Training of the scout: labels of all faces in photos, scenes, targets, losses, the run."""
