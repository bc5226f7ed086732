"""The board that edgeclip runs on: what it is, and whether all is well with it."""
