"""Talking to peers: the only code that opens a connection to another server."""
