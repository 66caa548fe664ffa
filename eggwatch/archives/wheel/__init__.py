"""Wheels: dist-info, RECORD, WHEEL, entry points, and where their files would be installed."""
