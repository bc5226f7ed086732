"""A simulated week before a fixed camera: photographs composited, every number from one seed."""

from benchmarks.week.week import DEVELOPMENT, HELD, Week

__all__ = ["DEVELOPMENT", "HELD", "Week"]
