"""The command line: `eggwatch COMMAND`. Each group of commands is a module that is loaded when it is asked for."""

from __future__ import annotations

import importlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from eggwatch import __version__
from eggwatch.cli.options import global_options
from eggwatch.cli.output import say_error
from eggwatch.config.loading import in_full
from eggwatch.errors import OF_DISKS, EggwatchError
from eggwatch.model.names import shown

# In the order of the documentation, each with its module and a line for 80 columns.
GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Set up and run": {
        "setup": ("setup:setup", "Install as a systemd service; upgrade, roll back, uninstall."),
        "init": ("init_config:init", "Write a commented configuration that works as it is."),
        "config": ("init_config:config", "Report errors in a configuration, with line numbers."),
        "run": ("run:run", "Watch the drop folder in the foreground; --once: a single round."),
        "serve": ("serve:serve", "Serve the pages alone over HTTP, without the daemon."),
        "webserver": ("webserver:webserver", "Print a configuration of Apache, nginx or Caddy."),
        "site": ("site:site", "Show how the pages look while you change their templates."),
        "notify": ("notify:notify", "Deliver mails and webhooks; --test sends a sample."),
    },
    "Upload": {
        "check": ("check:check", "Check local files as the daemon would, without publishing."),
        "explain": ("explain:explain", "Explain a rule, and how to fix an archive that breaks it."),
        "publish": ("publish:publish", "Copy files into the drop folder, wait, print each verdict."),
        "upload": ("upload:upload", "Upload files from any machine, over HTTP or by scp."),
        "wait": ("wait:wait", "Wait until a file can be installed or is rejected."),
        "token": ("token:token", "Create, list and revoke API tokens for uploads over HTTP."),
    },
    "Without a daemon": {
        "index": ("index:index", "Turn a folder of archives into an index, in place."),
        "collect": ("collect:collect", "Collect the wheels of what is installed, or of requirements."),
    },
    "Look": {
        "list": ("list_show_history:list_", "List the published projects, or the files of one."),
        "show": ("list_show_history:show", "Show the details of a project, a version or a file."),
        "history": ("list_show_history:history", "Print past events; --follow prints new ones too."),
        "status": ("status:status", "Show what is running, what is waiting and why, and problems."),
        "doctor": ("doctor:doctor", "Check permissions, disks and units around an index."),
        "verify": ("maintenance:verify", "Hash all archives, compare all pages; change nothing."),
    },
    "Change what is published": {
        "yank": ("orders:yank", "Exclude files from installation unless pinned (PEP 592)."),
        "unyank": ("orders:unyank", "Undo a yank."),
        "remove": ("orders:remove", "Remove files from the index."),
        "unblock": ("orders:unblock", "Allow files again that were removed with --block."),
    },
    "Repair and move": {
        "repair": ("maintenance:repair", "Repair what 'verify' finds."),
        "rebuild": ("maintenance:rebuild", "Rebuild ledger and catalog from the published tree."),
        "render": ("maintenance:render", "Render all pages into another folder."),
        "backup": ("maintenance:backup", "Back up ledger and archives while the daemon runs."),
        "import": ("import_stock:import_", "Import existing archives and keep their upload times."),
    },
}

COMMANDS = {name: f"eggwatch.cli.{place}" for group in GROUPS.values() for name, (place, _) in group.items()}
"""Each command's module and function, which are loaded when it is asked for."""


__all__ = ["COMMANDS", "cli", "main"]

ELSEWHERE = "--config, --index, --drop, --public and --state: eggwatch --help"


@contextmanager
def _silent_where_nobody_reads() -> Iterator[None]:
    """End with 0 and without a word if whoever reads the output has had enough; click itself would end with 1."""
    try:
        yield
    except BrokenPipeError:
        # What is still to be said, also at exit, goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


class LazyGroup(click.Group):
    """Loads a command's module only when it is used, so that `check` needs no Linux and starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the documentation."""
        return list(COMMANDS)

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Read the arguments, which may ask for help."""
        with _silent_where_nobody_reads():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _silent_where_nobody_reads():
            result = super().invoke(ctx)
            if sys.stdout is not None:  # closed by whoever started this
                sys.stdout.flush()
        return result

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        command.epilog = ELSEWHERE
        command.short_help = next(group[cmd_name][1] for group in GROUPS.values() if cmd_name in group)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for a mistyped one say which may be meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            typed = args[0].lower()
            swapped = [name for name in COMMANDS if sorted(name) == sorted(typed)]
            near = swapped or get_close_matches(typed, COMMANDS, n=2)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"No such command {shown(args[0])!r}.{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by groups, without loading one of them."""
        width = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), summary) for name, (_, summary) in group.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""
    Exit status: 0 good, 1 the answer is no, 2 usage or configuration, 3 lock held, 4 timeout.

    \b
    Environment:
      EGGWATCH_CONFIG  the configuration, where there is no --config
      NO_COLOR         set to anything: no colours on a terminal, either

    \b
    Completion, where 'setup' has not installed it, in the shell's configuration:
      eval "$(_EGGWATCH_COMPLETE=bash_source eggwatch)"    # bash
      eval "$(_EGGWATCH_COMPLETE=zsh_source eggwatch)"     # zsh
      _EGGWATCH_COMPLETE=fish_source eggwatch | source     # fish
    """,
)
@global_options
@click.version_option(__version__, prog_name="eggwatch")
def cli(**_: Any) -> None:
    """Watches a drop folder for Python packages and keeps a static simple index of them.

    \b
    Try it:   eggwatch run --serve 8080
              cp dist/demo-1.0.tar.gz drop/
              pip install -i http://127.0.0.1:8080/simple/ demo
    """


UNUSABLE = "Fix that, and run the command again: nothing is lost, and what was started is completed."


def main() -> None:
    """Run the command line; errors that the operator can fix are printed, and end with their exit code."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except EggwatchError as error:
        say_error(f"eggwatch: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename is None and error.errno not in OF_DISKS:  # a bug, for which the traceback is wanted
            raise
        place = error.filename2 or error.filename
        where = "" if place is None else f"{in_full(Path(os.fsdecode(place)))}: "
        say_error(f"eggwatch: {where}{error.strerror}.\n  {UNUSABLE}")
        sys.exit(2)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) in (None, sqlite3.SQLITE_ERROR):  # our own SQL is wrong
            raise
        say_error(f"eggwatch: The catalog: {error}.\n  {UNUSABLE}")
        sys.exit(2)
