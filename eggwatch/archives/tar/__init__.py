"""Sdists: gzip and tar, read as tarfile, pip and uv read them."""
