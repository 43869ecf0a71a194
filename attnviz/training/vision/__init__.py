"""vit-1, vit-2, vit-4, vit-8 and vit-4-bag."""
