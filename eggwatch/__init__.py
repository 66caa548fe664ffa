"""eggwatch: what is copied into a drop folder can be installed with pip a moment later.

The map of the house, from left to right; each room imports only from its left:

errors      what can go wrong for the operator, with the remedy
model/      what we know: frozen values
policy/     what we think of it: pure functions from values to values
archives/   foreign archives, opened without trust
pages/      what the world will see: values to bytes
privileges, sandbox   capabilities, effective only where they are needed; what shuts inspectors in
store/      the file system and the database: durable operations, drop, spool, pool, ledger, catalog
inspector, worker, lanes, workers   inspection in processes of their own: one, its turns, all of them
targets/    where pages are published
notifiers/  who tells the news
grammar, news_settings, settings, toml_lines  how settings are written, what each may be, and in which line it stands
config      eggwatch.toml → a frozen Config
front       root and landing pages, coalesced, rendered in a process of their own
answered, scanning, looking   who was told of what gets no verdict; the drop folder, a portion at a time
parts, sights, loglines, retirement, judging, admitting, announcing, grace  the pipeline's longer stages, one file each
measuring, room, answering   what is counted of the work; who waits for the disk; what is told without a verdict
claiming    copies of uploads, a portion at a time
pipeline    the nine stages: sight, settle, claim, inspect, judge, admit, render, publish, announce
rounds, copies, obeying   one round over everything; orders carried out by whoever holds the lock, what they leave
missing     what is missing of an index, by a few looks
assembly    Config → a ready Pipeline
importing   a stock of archives by the same stages
backup      ledger and archives in a folder elsewhere
messengers, courier   news to mail servers, webhooks and programs, in a process beside the daemon
repair      what is found damaged is mended, or taken off the pages
status, audit, restoration    what an index is doing; whether it is sound; how to make it so again
asking      an order and its answer, from whoever holds the lock or from this process
reading, remote       what can be known of an index without its lock, here and from afar
standing    how an index stands, with a daemon and without
doctor/     what is around an index: accounts, folders, disks, kernel, units; one small function a check
installing/ installed for good: program, account, folders and units, by steps that can be printed first
webserver/  HTTP: one WSGI application over the published trees, on waitress
service/    the daemon: watcher, loop, station, signals, metrics
cli/        the command line

Where this differs from the first drawing: the pipeline's long stages have files of their own, so that the
story in `pipeline` stays short; copies in the spool carry a sidecar with what is known of their original; and what
needs a network (mail, webhooks) is told by a process of its own that reads the ledger, so that the daemon needs none.
"""

__version__ = "0.1.0"
