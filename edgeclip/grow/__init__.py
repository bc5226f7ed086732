"""Beyond one device: vectors made on many machines, and vectors of many devices in one place."""
