"""eggwatch: packages that are copied into a drop folder can be installed with pip a moment later.

The packages, in the order of imports: each imports only from the steps above its own (tests/test_directions.py):

1. errors       what can go wrong for the operator, with the remedy
   model/       frozen values: what is known of files, events, releases
2. policy/      decisions: pure functions from values to values; rules/ is the one table of rules
   archives/    foreign archives, opened without trust: zip/, tar/, wheel/, metadata/
   pages/       the published pages: pure functions from values to bytes
   linux/       the kernel: capabilities, leases, accounts, inotify, mounts, limits, sandboxes; systemd
3. store/       the disk: durable operations; drop/, public/ and state/ are the three folders of an index;
                recorded/: what other indexes record of their files
   config/      eggwatch.toml: a frozen Config, and every wrong key at once
   inspection/  archives are opened in separate processes: one worker, the queues, all workers
4. targets/     where pages are published
   notifiers/   receipts, journal, mail, webhooks and others, one file each
   intake/      uploads: what is known of each, scans, copies, disk space, removal of originals
   readers/     reading an index without its lock, locally and over HTTP; what is missing in it
   setup/       installation as a service: program, account, folders and units, in steps that can be printed first
   collecting/  archives of what is installed or asked for: downloaded by pip, compared, rebuilt
5. pipeline/    the nine stages of an upload: pipeline.py has them all, the long ones have files of their own
   doctor/      checks of accounts, folders, disks, kernel and units; one small function for each
   webserver/   the pages and the uploads over HTTP, by one WSGI application; who may upload
6. writer/      the one writer: opens an index under its lock, catches up, carries out orders, writes its status
7. maintenance/ verify, repair, rebuild, backup and import, one file for each command; index_*.py: index
   service/     the daemon: watcher, loop, signals, metrics, and the process that delivers news
8. cli/         the command line

Two decisions that the code alone does not explain. Copies in the spool that become durable together share one file with
what is known of their originals. Whatever needs a network (mail, webhooks) is sent by a separate process that reads the
ledger, so that the daemon itself runs without a network.
"""

__version__ = "0.1.0"
