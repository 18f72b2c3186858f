"""The code that `clients/python/generate` makes of proto/holkas/v1. `holkas` has the messages' names."""
