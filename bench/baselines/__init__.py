"""Other systems' allocators on the same tables and scenarios."""
