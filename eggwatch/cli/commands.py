"""All commands, in the order of the documentation: in groups, each with its module and a line for 80 columns."""

from __future__ import annotations

GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Set up and run": {
        "setup": ("setup:setup", "Install as a service of systemd; upgrade, roll back, uninstall."),
        "init": ("init_config:init", "Write a commented configuration that works as it is."),
        "config": ("init_config:config", "Name what is wrong in a configuration, by its line."),
        "run": ("run:run", "Watch the drop folder in the foreground; --once: a single round."),
        "serve": ("serve:serve", "Serve the pages alone over HTTP, without the daemon."),
        "notify": ("notify:notify", "Carry mails and webhooks; --test: a sample to everybody."),
    },
    "Upload": {
        "check": ("check:check", "Judge local files as the daemon would, without publishing."),
        "explain": ("explain:explain", "Say what a rule asks, why, and how to mend an archive."),
        "publish": ("publish:publish", "Copy files into the drop folder, wait, print each verdict."),
        "wait": ("wait:wait", "Wait until something can be installed, or say why it can't."),
    },
    "Look": {
        "list": ("list_show_history:list_", "List the published projects, or the files of one."),
        "show": ("list_show_history:show", "Show a project, a version or a file with all that is known."),
        "history": ("list_show_history:history", "Print what has happened; --follow goes on."),
        "status": ("status:status", "Tell what is done, what waits and why, what is to be mended."),
        "doctor": ("doctor:doctor", "Look at rights, disks and units around an index."),
        "verify": ("maintenance:verify", "Hash all archives, compare all pages; change nothing."),
    },
    "Change what is published": {
        "yank": ("orders:yank", "Mark files as not to be installed unless pinned (PEP 592)."),
        "unyank": ("orders:unyank", "Take a yank back."),
        "remove": ("orders:remove", "Take files off the pages, and then their bytes away."),
        "unblock": ("orders:unblock", "Let files return that were removed with --block."),
    },
    "Mend and move": {
        "repair": ("maintenance:repair", "Mend what 'verify' finds."),
        "rebuild": ("maintenance:rebuild", "Make ledger and catalog again from the published tree."),
        "render": ("maintenance:render", "Render all pages afresh into another folder."),
        "backup": ("maintenance:backup", "Keep ledger and archives elsewhere, beside the daemon."),
        "import": ("import_stock:import_", "Bring in a stock of archives, upload times kept."),
    },
}

COMMANDS = {name: f"eggwatch.cli.{place}" for group in GROUPS.values() for name, (place, _) in group.items()}
"""Each command's module and function, which are loaded when it is asked for."""
