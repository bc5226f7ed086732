"""Fleets: the indexes of many boards in one PostgreSQL, kept up to date and searched at once."""
