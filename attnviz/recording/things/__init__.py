"""Runs over what is no text and no picture: a sound, values over time."""
