"""Labels: read, lifted to 3D, and joined from networks and teachers."""
