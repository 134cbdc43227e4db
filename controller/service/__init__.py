"""What the public API does, in our own types: checks, then stores."""
