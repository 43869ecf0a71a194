"""Training of lab-translator, the built-in encoder-decoder Transformer: sentences, training, card."""
