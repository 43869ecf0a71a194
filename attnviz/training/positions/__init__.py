"""The five encoders of positions."""
