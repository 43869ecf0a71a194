"""The page on words for pictures, as a person uses it."""
