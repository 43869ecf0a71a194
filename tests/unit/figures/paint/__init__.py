"""What figures are painted with."""
