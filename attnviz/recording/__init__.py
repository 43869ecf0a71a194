"""Run a model and record it: one text, one it writes itself."""
