"""Files, text and objects of any origin to node maps; bounded, and nothing is fetched."""
