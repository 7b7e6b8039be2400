"""Client of the management API for scripts and notebooks."""
