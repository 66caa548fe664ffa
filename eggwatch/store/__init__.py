"""The file system and the database. Only this package and targets/ change PUBLIC and STATE."""
