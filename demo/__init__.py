"""`make demo`: two clouds on this machine share a file and a folder, and then stay up for you."""
