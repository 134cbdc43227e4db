"""The links that agents open: one endless stream per GPU host and per edge device."""
