"""The Dataspace Protocol without I/O: tables, messages, codec."""
