"""Discrete-event replay of arrivals against a plan."""
