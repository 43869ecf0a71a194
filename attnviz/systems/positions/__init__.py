"""Five encoders that differ in nothing but how they are told where a token stands."""
