"""Trains a Transfer Layer: a learned bottleneck, then the tail behind it, both from the model itself (torch)."""
