"""verify, repair, rebuild, backup and import, each named as its command."""
