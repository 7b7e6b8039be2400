"""ODRL 2.2 policies: read, check, decide, explain. Standard library only."""
