"""Domain values as views: the one place where they are mapped.

Rules: what a view does not name stays inside; a stored value is always shown, and says of which
part it could not be read.
"""
