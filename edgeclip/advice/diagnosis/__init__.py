"""Explain why a picture and a query get the score they get."""
