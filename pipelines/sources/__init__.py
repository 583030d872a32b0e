"""One folder a vendor: auth, tokens, client, endpoints, source."""
