"""Pictures of what a prediction rests on, by several ways of reading."""
