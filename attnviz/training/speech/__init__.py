"""How the writer of spoken digits is trained and measured."""
