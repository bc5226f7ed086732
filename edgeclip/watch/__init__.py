"""Frames → events: cameras are read, rules are calibrated and watched, sinks are told."""
