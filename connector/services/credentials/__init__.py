"""DCP 1.0 as services: the verifier, the holder and the issuer of credentials."""
