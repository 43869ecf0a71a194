"""What all pictures share: colours, labels, bytes."""
