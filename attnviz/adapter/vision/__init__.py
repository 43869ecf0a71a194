"""Models that look at a picture: which types are read, how each reads a picture, and the windows of Swin."""
