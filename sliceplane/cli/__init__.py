"""The `sliceplane` command."""
