"""What a file seems to be: a proposal that a person confirms, never a reading."""
