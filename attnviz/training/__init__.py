"""One script for each set of weights that attnviz ships, and the command that prints their figures."""
