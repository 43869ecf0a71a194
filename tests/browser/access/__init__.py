"""For those who use keys, a screen reader, a phone or a projector."""
