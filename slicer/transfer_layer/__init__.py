"""Transfer Layers: an encoder at the end of the head, a decoder before the tail, so that a smaller tensor travels."""
