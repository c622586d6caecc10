"""Finding the faces of a photo: a protocol, and one adapter for each detector."""
