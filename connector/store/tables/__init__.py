"""The SQL tables of a node, declared as classes."""
