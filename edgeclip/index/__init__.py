"""Vectors → answers: durable, exact where it can be, fast where it must be."""
