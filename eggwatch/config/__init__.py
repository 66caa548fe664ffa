"""eggwatch.toml, read into frozen values; every wrong key is named at once, with its line."""
