"""Drop-ins: what a configuration changes in the units, and which folders no service can see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from eggwatch.config.index_config import IndexConfig
from eggwatch.config.uploads import UploadDoor
from eggwatch.errors import ConfigurationError
from eggwatch.setup.drop_ins import Service, quoted, refuse_hidden


def index(drop: str = "/srv/drop", public: str = "/srv/eggwatch", state: str = "/var/lib/eggwatch") -> IndexConfig:
    return IndexConfig(name="main", drop=Path(drop), public=Path(public), state=Path(state))


def service(*indexes: IndexConfig, file: str = "eggwatch.toml") -> Service:
    return Service(file=Path("/etc/eggwatch", file), indexes=indexes)


def test_the_daemon_may_write_to_all_folders_of_all_indexes() -> None:
    text = service(index(), index("/a/drop", "/a/public", "/a/state")).drop_ins()["eggwatch.service"]
    assert "RequiresMountsFor=/srv/drop /a/drop /srv/eggwatch /a/public /var/lib/eggwatch /a/state\n" in text
    writable = [
        line.removeprefix("ReadWritePaths=") for line in text.splitlines() if line.startswith("ReadWritePaths=")
    ]
    assert writable == ["", "-/srv/drop", "-/a/drop", "/srv/eggwatch", "/a/public", "/var/lib/eggwatch", "/a/state"]


def test_the_others_may_write_to_less() -> None:
    drop_ins = service(index()).drop_ins()
    assert "ReadWritePaths=\nReadWritePaths=/var/lib/eggwatch\n" in drop_ins["eggwatch-verify.service"]
    assert "ReadWritePaths=\nReadWritePaths=/var/lib/eggwatch/news\n" in drop_ins["eggwatch-news.service"]
    assert "InaccessiblePaths=-/srv/drop\n" in drop_ins["eggwatch-news.service"]
    assert "ReadWritePaths=/var/backups/eggwatch\n" in drop_ins["eggwatch-backup.service"]


def test_an_instance_has_a_daemon_and_news_of_its_own() -> None:
    drop_ins = service(index(), file="team.toml").drop_ins()
    assert set(drop_ins) == {"eggwatch@team.service", "eggwatch-news@team.service"}
    assert "Made from /etc/eggwatch/team.toml by" in drop_ins["eggwatch@team.service"]


def test_the_http_server_may_write_to_its_own_folders_alone() -> None:
    """Of the indexes whose uploads it receives; without any there is none."""
    received = replace(index(), uploads=UploadDoor(account="eggwatch-http"))
    by_the_daemon = replace(index("/a/drop", "/a/public", "/a/state"), uploads=UploadDoor())
    text = service(received, by_the_daemon).drop_ins()["eggwatch-http.service"]
    assert "ReadWritePaths=\nReadWritePaths=-/srv/drop/http\n" in text
    assert text.count("ReadWritePaths=") == 2
    assert "User=" not in text and "StateDirectory" not in text
    assert "eggwatch-http.service" not in service(by_the_daemon).drop_ins()
    assert "eggwatch-http@team.service" not in service(received, file="team.toml").drop_ins()


def test_a_folder_in_a_home_is_bound_and_the_rest_of_homes_stays_hidden() -> None:
    text = service(index(drop="/home/share/drop")).drop_ins()["eggwatch.service"]
    assert "ProtectHome=tmpfs\nBindPaths=/home/share/drop\n" in text


def test_a_state_elsewhere_is_not_made_by_systemd_in_the_usual_place() -> None:
    assert "StateDirectory=\n" in service(index(state="/data/state")).drop_ins()["eggwatch.service"]
    assert "StateDirectory" not in service(index()).drop_ins()["eggwatch.service"]


def test_the_account_is_named_where_it_is_another() -> None:
    one = Service(file=Path("/etc/eggwatch/eggwatch.toml"), indexes=(index(),), account="www", group="www-data")
    assert all("User=www\nGroup=www-data\n" in text for text in one.drop_ins().values())
    assert "User=" not in service(index()).drop_ins()["eggwatch.service"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/srv/drop", "/srv/drop"),
        ("/srv/a b", '"/srv/a b"'),
        ("/srv/100%", "/srv/100%%"),
        ('/srv/"x"', '"/srv/\\"x\\""'),
    ],
)
def test_paths_are_written_as_systemd_reads_them(path: str, text: str) -> None:
    assert quoted(Path(path)) == text


@pytest.mark.parametrize("folder", ["/tmp/drop", "/var/tmp/x/drop"])
def test_a_folder_that_services_do_not_see_is_refused(folder: str) -> None:
    with pytest.raises(ConfigurationError, match="where each service sees a folder of its own"):
        refuse_hidden([index(drop=folder)])
