"""Core metadata: METADATA and PKG-INFO, field by field."""
