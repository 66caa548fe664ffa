"""eggwatch run"""

from __future__ import annotations

import click

from eggwatch.cli.logs import log_as, log_format_option
from eggwatch.cli.options import Selection, duration_option, index_options
from eggwatch.cli.output import print_json, say
from eggwatch.config.index_config import Config, IndexConfig
from eggwatch.linux import capabilities
from eggwatch.linux.process import collect_less_often
from eggwatch.notifiers.log_index import of_index
from eggwatch.writer.ask import ask


@click.command()
@index_options
@click.option("--serve", metavar="[HOST:]PORT", help="Also serve the index over HTTP (port 0: any free one).")
@click.option("--metrics", metavar="[HOST:]PORT", help="Answer Prometheus at /metrics (port 0: any free one).")
@click.option("--once", is_flag=True, help="One round over the drop folder, then exit.")
@click.option("--json", "as_json", is_flag=True, help="With --once: one JSON object an index.")
@click.option("--timeout", default="5m", show_default=True, help="With --once and a daemon: how long to wait for it.")
@click.option("--without-news", is_flag=True, help="Leave mails and webhooks to a separate 'eggwatch notify'.")
@log_format_option
@click.option("-v", "--verbose", is_flag=True, help="Log every check of a file.")
def run(
    selection: Selection,
    serve: str | None,
    metrics: str | None,
    once: bool,
    as_json: bool,
    timeout: str,
    without_news: bool,
    log_format: str,
    verbose: bool,
) -> None:
    """Watch the drop folder in the foreground, until SIGTERM or Ctrl-C.

    Without a configuration it creates and uses ./drop ./public ./state. SIGHUP reloads the configuration.
    --serve and --metrics listen on the loopback address unless a host is given.

    \b
    Examples:
      eggwatch run --serve 8080
      eggwatch run --once
      eggwatch --config /etc/eggwatch/eggwatch.toml run
    Exit status of --once: 0 all published, 1 something rejected or unfinished.
    """
    log_as(log_format, verbose=verbose, quiet=once and as_json)
    capabilities.lower()  # before a thread is started
    collect_less_often()
    config = selection.load(needed=())
    if once:
        is_good = _once_each(config, as_json=as_json, seconds=duration_option(timeout))
        if not without_news:
            _deliver_once(config)
        raise SystemExit(not is_good)
    from eggwatch.cli.watching import serve_and_watch

    serve_and_watch(config, selection, serve, metrics, "" if without_news else log_format)


def _deliver_once(config: Config) -> None:
    """Send the news. What sends it takes as long to load as twenty uploads, and few have recipients."""
    if any(index.subscriptions for index in config.indexes.values()):
        from eggwatch.cli.notify import deliver_once

        deliver_once(config.indexes.values())


def _once_each(config: Config, *, as_json: bool, seconds: float) -> bool:
    """A round over the drop folder of each index, also after one that was not good."""
    good = []
    for index in config.indexes.values():
        with of_index(index.name if len(config.indexes) > 1 else None):
            good.append(_once(index, as_json=as_json, seconds=seconds))
    return all(good)


def _once(index: IndexConfig, *, as_json: bool, seconds: float) -> bool:
    answer = ask(index, {"verb": "round"}, seconds=seconds)
    if as_json:
        print_json({"index": index.name, **answer})
    else:
        _say_answer(answer)
    return not (answer["refused"] or answer["unfinished"] or answer["faults"])


def _say_answer(answer: dict[str, object]) -> None:
    unfinished, faults = answer["unfinished"], answer["faults"]
    assert isinstance(unfinished, list) and isinstance(faults, dict)
    counts = f"{answer['published']} published, {answer['known']} known, {answer['refused']} rejected"
    say(f"{counts}, {len(unfinished)} unfinished")
    for path in unfinished:
        say(f"  unfinished: {path}")
    for what, why in faults.items():
        say(f"  {what}: {why}")
