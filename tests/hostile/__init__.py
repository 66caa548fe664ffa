"""Hostile archives: one dict describes one, and every code has at least one that only it finds."""
