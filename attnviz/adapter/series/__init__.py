"""Models that read values over time: which types are read, and which rows of the table each of their places has."""
