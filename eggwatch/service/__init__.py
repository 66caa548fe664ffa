"""THE DAEMON: watcher, loop, systemd, signals, metrics."""
