"""What attention is, on tensors alone: no text, no model, no picture."""
