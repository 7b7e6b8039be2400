"""The log of a node: its entries, its Merkle tree, and the heads of others' logs."""
