"""Where pages are published."""
