"""THE DAEMON: watcher, loop, systemd, signals, the trial server."""
