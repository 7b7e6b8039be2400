"""Whether two policies conflict: proved, disproved by an example, or not to be told."""
