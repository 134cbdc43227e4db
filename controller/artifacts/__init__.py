"""The model store: files by digest on any file system that fsspec knows, and what is in them."""
