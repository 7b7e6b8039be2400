"""Documents to policies and back: strict, bounded, without loss."""
