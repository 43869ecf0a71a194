"""What stands in a model's folder beside its configuration: GGUF files, adapters, and what a network is said to be."""
