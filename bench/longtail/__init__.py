"""Long-tailed fleets: light services on shared segments against a segment each, and a replay of arrivals."""
