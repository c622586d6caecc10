"""The code that trains the released weights. It imports the library, and is never imported by it."""
