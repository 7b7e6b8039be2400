"""The HTTPS endpoints of the Decentralized Claims Protocol 1.0."""
