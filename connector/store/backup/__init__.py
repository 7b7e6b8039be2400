"""All rows of a database as lines of text, and back."""
