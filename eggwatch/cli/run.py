"""eggwatch run"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import click

from eggwatch.cli.addresses import address_for_others
from eggwatch.cli.logs import log_as, log_format_option
from eggwatch.cli.notify import deliver_once
from eggwatch.cli.options import Selection, duration_option, index_options
from eggwatch.cli.output import print_json, say, say_error
from eggwatch.config.index_config import Config, IndexConfig
from eggwatch.linux import capabilities
from eggwatch.linux.process import collect_less_often
from eggwatch.model.instructions import pip_install
from eggwatch.notifiers.log_index import of_index
from eggwatch.service.courier_process import CourierProcess
from eggwatch.service.daemon import Daemon
from eggwatch.service.metrics import Endpoint, Metrics
from eggwatch.webserver.doors import doors_of
from eggwatch.webserver.listening import parse_listen
from eggwatch.webserver.server import Server
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
            deliver_once(config.indexes.values())
        raise SystemExit(not is_good)
    _serve_and_watch(config, selection, serve, metrics, "" if without_news else log_format)


def _courier(config: Config, selection: Selection, log_format: str) -> list[str]:
    """How the courier is started. Without a configuration there are no recipients, so there is always one."""
    only = [] if selection.index is None else ["--index", selection.index]
    served = [] if selection.served_at is None else ["--served-at", selection.served_at]
    return ["--config", str(config.source), *only, "notify", "--until-eof", "--log-format", log_format, *served]


def _serve_and_watch(config: Config, selection: Selection, serve: str | None, metrics: str | None, news: str) -> None:
    """`news` is the format of the courier's log; empty if another unit runs the courier."""
    with ExitStack() as stack:
        server = _server(config, serve) if serve is not None else None
        if server is not None:
            stack.callback(server.stop)
            selection = replace(selection, served_at=address_for_others(server.url, parse_listen(serve or "")[0]))
            config = selection.load(needed=())
        told = Metrics(config)
        courier = CourierProcess(_courier(config, selection, news)) if news else None
        if metrics is not None:
            host, port = parse_listen(metrics, "--metrics")
            endpoint = Endpoint(told, host=host, port=port)
            say_error(f"metrics at {endpoint.url}")
            stack.callback(endpoint.stop)

        def when_ready() -> None:
            _say_ready(config, server)

        def when_reloaded(new: Config) -> None:
            if server is not None:
                server.show(new.trees(), doors_of(new, server.host))

        def reload() -> Config:
            new = selection.load(needed=())
            if server is not None:
                doors_of(new, server.host)  # what is wrong with them leaves the old configuration in use
            return new

        Daemon(config, reload, when_ready=when_ready, when_reloaded=when_reloaded, metrics=told, courier=courier).run()


def _server(config: Config, serve: str) -> Server:
    host, port = parse_listen(serve)
    trees = config.trees()
    for tree in trees.values():
        tree.mkdir(parents=True, exist_ok=True)
    server = Server(trees, doors=doors_of(config, host), host=host, port=port)
    server.start()
    return server


def _say_ready(config: Config, server: Server | None) -> None:
    where = f" at {server.url}" if server is not None else ""
    say_error(f"ready{where}")
    for index in config.indexes.values():
        prefix = f"{index.name}/" if len(config.indexes) > 1 else ""
        say_error(f"  copy packages to   {index.drop}/")
        if server is not None:
            say_error(f"  install with       {pip_install(f'{server.url}{prefix}simple/', 'PROJECT')}")


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
