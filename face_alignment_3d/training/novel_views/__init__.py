"""Turning photos out of plane, with their 3D labels."""
