"""The code that trains the released weights. It imports the library and never copies it."""
