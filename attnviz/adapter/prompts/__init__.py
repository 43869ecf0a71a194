"""What a tokenizer puts around a text besides its usual ends: the marks of languages, a chat's template."""
