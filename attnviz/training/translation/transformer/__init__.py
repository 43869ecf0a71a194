"""Training of lab-t5, the built-in encoder-decoder Transformer: sentences, training, card."""
