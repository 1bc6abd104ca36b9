"""A complete cloud: accounts, files, shares, WebDAV, JSON API and the worker that talks to peers."""
