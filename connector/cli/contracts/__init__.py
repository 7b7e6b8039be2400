"""Commands that find data of others and make contracts about it."""
