"""The daemon: watcher, loop, systemd, signals, metrics."""
