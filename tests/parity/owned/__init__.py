"""Models that people have in memory, and machines that are not the CPU."""
