"""A small detector of blood cells, trained from nothing: data, network, losses, figures and card."""
