"""Sinks: where events go; each is a function of an event, see `edgeclip.watch.events.Sink`."""
