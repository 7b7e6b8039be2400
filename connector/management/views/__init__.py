"""What the management API answers and takes, as models that the SDK shares."""
