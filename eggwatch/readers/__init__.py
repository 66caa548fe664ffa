"""What can be known of an index without its lock: here, from afar, and how it stands."""
