"""Duties and uses of contracts: kept, watched, stated, and told to the other party."""
