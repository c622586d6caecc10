"""Labels: reading them, lifting them to 3D, and fusing those of hands and networks."""
