"""The way from an empty database, or an older one, to `server/schema.py`: one file in `versions/` for each step.

A file that has been released is never changed. `python -m opencloudmesh.server.migrate "what changes"` drafts the next.
"""
