"""The file system and the database: the only place, with targets, that changes the disk."""
