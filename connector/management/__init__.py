"""Local management API: OpenAPI on a Unix socket, or on loopback with a token file.

`gate.py` lets only the operator in, `nouns.py` knows which routes answer a path and loads them when
they are asked, `app.py` puts them together, `observation.py` answers supervisors. One file per noun
holds the routes; `views/` has the models that the SDK shares, `render/` fills them, `listen.py` and
`server.py` serve it. Routes call services and nothing else.
"""
