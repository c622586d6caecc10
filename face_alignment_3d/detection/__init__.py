"""Finding the faces in a photo: a protocol, and one adapter for each detector."""
