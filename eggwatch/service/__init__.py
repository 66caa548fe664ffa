"""The daemon: watcher, loop, systemd, signals, metrics, and the process that delivers news."""
