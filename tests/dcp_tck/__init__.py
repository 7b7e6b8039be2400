"""The three roles of DCP and a token service, for the public compatibility kit (`dcp-tck`).

    python -m tests.dcp_tck --port 4711 --properties kit.properties [--kit given.properties]

What `--kit` names is read first, or `kit.properties` where it is there already: the kit's address,
its scopes, correlation ids, and the client of the token service; all have defaults.

The roles are the product's services over test ports: plain HTTP on loopback, P-256 keys that live
as long as the process, and nothing that is kept of what was presented, since the kit presents
another credential with each case. Never part of the wheel.

What the kit is to be told is written to `kit.properties` once everything listens, and for each
package of its cases to `kit-holder.properties`, `kit-verifier.properties` and
`kit-issuer.properties`: a role that is ours has our DID there, and the others are the kit's own.
"""
