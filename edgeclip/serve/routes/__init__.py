"""Routes: what may be asked, one file a subject."""
