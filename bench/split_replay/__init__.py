"""The published per-block timings of 18 networks, replayed with every way to answer an inference."""
