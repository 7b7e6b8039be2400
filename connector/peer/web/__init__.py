"""HTTPS towards others: the guarded client, and the public face of the node."""
