"""What both faces need to serve: listening sockets, and an ASGI server in a thread."""
