"""What the kernel offers: capabilities, leases, accounts, inotify, mounts, limits, landlock and seccomp; systemd."""
