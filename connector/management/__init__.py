"""Local management API: OpenAPI on a Unix socket, or on loopback with a token file.

`app.py` puts it together, `gate.py` lets only the operator in, one file per noun holds the
routes, `views.py` has the response models that the SDK shares, `listen.py` and `server.py` serve
it. Routes call services and nothing else.
"""
