"""The container of wheels: one reading, and no other."""
