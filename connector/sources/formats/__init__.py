"""One module a format: from an open file to its columns, many rows at a time."""
