"""The allocator's bench: scenarios and drawn fleets planned by both algorithms, as tables and a plot."""
