"""Uploads in the drop folder: what is known of each, their copies, disk space, and the removal of originals."""
