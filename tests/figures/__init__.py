"""Pictures asserted as data: what is in the figure, not what it looks like."""
