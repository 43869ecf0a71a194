"""How the captioner of small scenes is trained and measured."""
