"""Installation as a systemd service, with one command: program, account, folders and units.

The work is a list of steps, without those that are already done. The machine is examined first, without changes, so a
dry run prints exactly the steps that would be carried out.
"""
