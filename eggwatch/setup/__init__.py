"""INSTALLED FOR GOOD: program, account, folders and units on a machine that systemd runs, by one command.

What is to be done is a list of steps; those that have nothing to do are left out. Looking comes first and changes
nothing, so that a dry run prints the very steps that would be done.
"""
