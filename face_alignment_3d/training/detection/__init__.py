"""How the scout is trained: labels of all faces in photos, scenes made from them, targets, losses, the run."""
