"""The public gRPC API: decode, call, encode."""
