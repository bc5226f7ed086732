"""Pictures and words → vectors."""
