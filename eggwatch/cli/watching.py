"""What `eggwatch run` does without --once: the daemon, and a web server or metrics beside it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from eggwatch.cli.addresses import address_for_others
from eggwatch.cli.options import Selection
from eggwatch.cli.output import say_error
from eggwatch.config.index_config import Config
from eggwatch.model.instructions import pip_install
from eggwatch.service.courier_process import CourierProcess
from eggwatch.service.daemon import Daemon
from eggwatch.service.metrics import Endpoint, Metrics
from eggwatch.store.durable import make_folders
from eggwatch.webserver.listening import parse_listen
from eggwatch.writer.folders import permissions_of

if TYPE_CHECKING:
    from eggwatch.webserver.server import Server
    from eggwatch.webserver.uploads import Door


def serve_and_watch(config: Config, selection: Selection, serve: str | None, metrics: str | None, news: str) -> None:
    """Watch until stopped. `news` is the format of the courier's log; empty if another unit runs the courier."""
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
                server.show(new.trees(), _doors(new, server.host))

        def reload() -> Config:
            new = selection.load(needed=())
            if server is not None:
                _doors(new, server.host)  # what is wrong with them leaves the old configuration in use
            return new

        Daemon(config, reload, when_ready=when_ready, when_reloaded=when_reloaded, metrics=told, courier=courier).run()


def _courier(config: Config, selection: Selection, log_format: str) -> list[str]:
    """How the courier is started. Without a configuration there are no recipients, so there is always one."""
    only = [] if selection.index is None else ["--index", selection.index]
    served = [] if selection.served_at is None else ["--served-at", selection.served_at]
    return ["--config", str(config.source), *only, "notify", "--until-eof", "--log-format", log_format, *served]


def _server(config: Config, serve: str) -> Server:
    from eggwatch.webserver.server import Server  # with HTTP, which takes a tenth of what starting the daemon takes

    host, port = parse_listen(serve)
    for index in config.indexes.values():
        make_folders(index.public, permissions_of(index))
    server = Server(config.trees(), doors=_doors(config, host), host=host, port=port)
    server.start()
    return server


def _doors(config: Config, host: str) -> dict[str, Door]:
    from eggwatch.webserver.doors import doors_of  # as above

    return doors_of(config, host)


def _say_ready(config: Config, server: Server | None) -> None:
    where = f" at {server.url}" if server is not None else ""
    say_error(f"ready{where}")
    for index in config.indexes.values():
        prefix = f"{index.name}/" if len(config.indexes) > 1 else ""
        say_error(f"  copy packages to   {index.drop}/")
        if server is not None:
            say_error(f"  install with       {pip_install(f'{server.url}{prefix}simple/', 'PROJECT')}")
