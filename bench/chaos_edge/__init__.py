"""Faults on a running edge while frames flow: each frame has one result, in the order of its source."""
