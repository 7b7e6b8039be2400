"""Data files of the institution: headers, digests, rows."""
