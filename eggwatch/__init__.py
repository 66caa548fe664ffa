"""eggwatch: what is copied into a drop folder can be installed with pip a moment later.

The map of the house, from left to right; a room imports only from the steps to its left (tests/test_directions.py):

1. errors       what can go wrong for the operator, with the remedy
   model/       what we know: frozen values
2. policy/      what we think of it: pure functions from values to values; rules/ is the one table of rules
   archives/    foreign archives, opened without trust: zip/, tar/, wheel/, metadata/
   pages/       what the world will see: values to bytes
   linux/       the kernel: capabilities, leases, accounts, inotify, mounts, limits, walls around inspectors; systemd
   webserver/   the pages over HTTP, by one WSGI application
3. store/       the disk: durable operations; drop/, public/ and state/ are the three folders of an index
   config/      eggwatch.toml: a frozen Config, and every wrong key at once
   inspection/  archives opened in processes of their own: one, their queues, all of them
4. targets/     where pages are published
   notifiers/   who tells the news, one file a way
   intake/      how uploads come in and leave: what is known of each, scans, copies, disk space, retiring
   readers/     what can be known of an index without its lock, here and from afar; what is missing of it
   setup/       installed for good: program, account, folders and units, by steps that can be printed first
5. pipeline/    the way of one file: pipeline.py has the nine stages, the long ones have files of their own
   doctor/      what is around an index: accounts, folders, disks, kernel, units; one small function a check
6. writer/      the one writer: opens an index under its lock, catches up, carries out orders, tells its status
7. maintenance/ verify, repair, rebuild, backup and import, named as their commands
   service/     the daemon: watcher, loop, signals, metrics, and the courier of news beside it
8. cli/         the command line

Where this differs from the first drawing: copies in the spool carry a sidecar with what is known of their original;
and what needs a network (mail, webhooks) is told by a process of its own that reads the ledger, so that the daemon
needs none.
"""

__version__ = "0.1.0"
