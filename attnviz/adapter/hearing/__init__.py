"""Models that listen: which types are read, how each hears a sound, and when each of their frames is."""
