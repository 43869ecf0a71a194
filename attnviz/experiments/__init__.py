"""What runs a model many times to learn something: edges removed, sentences compared, time taken."""
