"""OpenID Connect as a client: what a provider states, what is asked of it, and its tokens. Pure."""
