"""Is all well?  One file for each kind of check; nothing here changes anything."""
