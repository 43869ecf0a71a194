"""All that knows transformers' internals: the registered attention function, and what goes round it."""
