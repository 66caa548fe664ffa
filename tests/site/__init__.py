"""The site as it is published, as a whole: valid, accessible, small, safe, and working in a real browser."""
