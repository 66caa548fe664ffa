"""What we know: frozen values without behaviour towards the world (no clock, disk, network or log)."""
