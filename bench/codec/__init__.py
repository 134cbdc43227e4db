"""`make bench-codec`: what each level of the tensor codec costs and saves."""
