"""The Préau node: everything between a signed contract and its enforcement."""
