"""News outside: mails, webhooks and commands, and `eggwatch notify`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from eggwatch.model.verdicts import parted
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site
from tests.notifiers.receiving import free_port, http_server, smtp_server
from tests.running import until
from tests.service.news import BAD, GOOD, ME, configured, hook_table, letters_of, mail_table


def test_a_publish_and_a_refusal_are_told_by_every_way(tmp_path: Path) -> None:
    """To maintainers and uploader by mail, to a URL, to a command; the refusal with every reason and its remedy."""
    with ExitStack() as stack:
        mailbox, port = stack.enter_context(smtp_server())
        hooks = stack.enter_context(http_server())
        site = Site(tmp_path)
        told, program = tmp_path / "told", tmp_path / "tell"
        program.write_text(f"#!/bin/sh\ncat >>'{told}'\nenv | sort >'{told}.environment'\n")
        program.chmod(0o755)
        command = f'\n[index.main.command.log]\nrun = ["{program}"]\nevents = ["rejected"]\n'
        configured(site, mail_table(port) + hook_table(hooks.url) + command)
        with site.daemon(env={"SECRET": "hush"}):
            site.put(GOOD)
            until("published by mail and hook", lambda: len(mailbox.messages) == 2 and len(hooks.requests) == 1)
            assert site.filenames("demo") == [GOOD[0]], "visible first"
            site.put(BAD)
            until("refused by mail and hook", lambda: len(mailbox.messages) == 4 and len(hooks.requests) == 2)
            until("by the command", told.exists)
        subjects = [message["Subject"] for message in mailbox.to(f"{ME}@example.com")]
        assert subjects == [f"[main] {GOOD[0]} was published", f"[main] {BAD[0]} was rejected"]
        text = mailbox.to(f"{ME}@example.com")[1].get_content()
        reason = (site.drop / "rejected" / f"{BAD[0]}.reason.txt").read_text()
        flaws = [flaw["message"] for flaw in hooks.bodies[1]["flaws"]]
        assert flaws
        assert all(part in text and part in reason for flaw in flaws for part in parted(flaw))
        assert [body["event"] for body in hooks.bodies] == ["admitted", "rejected"]
        assert [json.loads(line)["event"] for line in told.read_text().splitlines()] == ["rejected"]
        environment = (tmp_path / "told.environment").read_text()
        assert "EGGWATCH_EVENT=rejected" in environment
        assert "SECRET" not in environment
        assert letters_of(site) == []


def test_nothing_is_told_of_imported_files_nor_of_what_was_there_before(tmp_path: Path) -> None:
    """A subscription begins when the daemon first reads of it."""
    with http_server() as hooks:
        site = Site(tmp_path)
        site.put(GOOD)
        assert site.call("run", "--once").code == 0
        site.build(wheel("stock"), "stock")
        configured(site, hook_table(hooks.url))
        assert site.call("import", "stock").code == 0
        with site.daemon():
            site.put(sdist("later"))
            until("told", lambda: hooks.requests)
        assert [body["project"] for body in hooks.bodies] == ["later"]


def test_a_digest_gathers_for_the_maintainers_and_uploaders_hear_at_once(tmp_path: Path) -> None:
    with smtp_server() as (mailbox, port):
        site = Site(tmp_path)
        configured(site, mail_table(port, 'digest = "1s"\n'))
        with site.daemon():
            for archive in (GOOD, sdist("other"), BAD):
                site.put(archive)
            until("one digest", lambda: mailbox.to("team@example.com"))
        (digest,) = mailbox.to("team@example.com")[:1]
        assert digest["Subject"] == "[main] 3 events"
        assert all(name in digest.get_content() for name in (GOOD[0], "other-1.0.tar.gz", BAD[0]))
        assert len(mailbox.to(f"{ME}@example.com")) == 3


def test_a_webhook_is_signed_and_its_key_is_its_id(tmp_path: Path) -> None:
    """As Standard Webhooks has it: HMAC-SHA256 over id, moment and body."""
    with http_server() as hooks:
        site = Site(tmp_path)
        key = b"a key of thirty-two random bytes"
        (tmp_path / "secret").write_text("whsec_" + base64.b64encode(key).decode() + "\n")
        configured(site, hook_table(hooks.url, 'secret-file = "secret"\n'))
        assert site.call("notify", "--test").code == 0
        ((_, _, headers, body),) = hooks.requests
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        assert headers["webhook-id"] == headers["idempotency-key"]


def test_the_forms_of_slack_and_matrix(tmp_path: Path) -> None:
    """Slack's markup is escaped; Matrix gets a transaction id, so that a repetition says nothing twice."""
    with http_server() as hooks:
        site = Site(tmp_path)
        (tmp_path / "url").write_text(f"{hooks.url}/services/T0/B0/x\n")
        (tmp_path / "token").write_text("syt_secret\n")
        slack = '\n[index.main.webhook.slack]\nurl-file = "url"\nform = "slack"\n'
        room = f"{hooks.url}/_matrix/client/v3/rooms/!r:example.com"
        configured(site, slack + hook_table(room, 'form = "matrix"\ntoken-file = "token"\n', "matrix"))
        site.put(BAD)
        assert site.call("run", "--once").code == 1
        assert site.call("notify", "--once").code == 0
        by_path = {path: (method, headers, json.loads(body)) for method, path, headers, body in hooks.requests}
        method, _, body = by_path["/services/T0/B0/x"]
        assert method == "POST"
        assert body["text"].startswith(f"[main] {BAD[0]} was rejected, uploaded by {ME}: not-a-zip\n• not-a-zip: ")
        ((path, (method, headers, body)),) = [item for item in by_path.items() if "rooms" in item[0]]
        assert method == "PUT"
        assert path.startswith("/_matrix/client/v3/rooms/!r:example.com/send/m.room.message/main-1-")
        assert headers["authorization"] == "Bearer syt_secret"
        assert body["msgtype"] == "m.notice"


def test_a_test_says_what_has_gone_wrong_and_shows_no_secret(tmp_path: Path) -> None:
    """Each subscription by name; of a URL only the host, since those of chats hold a key."""
    with http_server() as hooks:
        hooks.answers = [302]
        site = Site(tmp_path)
        configured(site, hook_table(f"{hooks.url}/secret/path") + mail_table(free_port()))
        done = site.call("notify", "--test", "--json")
        assert done.code == 1
        rows = {row["subscription"]: row for row in done.rows}
        assert rows["webhook.one"]["error"].startswith(f"{hooks.url}/…: 302")
        assert "redirects are not followed" in rows["webhook.one"]["error"]
        assert "refused" in rows["mail"]["error"]
        assert "secret" not in done.out + done.err


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo broken >&2; exit 3", "exit status 3: broken"),
        ("sleep 60", "not done after 0.3 s"),
        ("kill -9 $$", "signal 9"),
    ],
)
def test_a_command_that_fails_is_said_with_its_last_words(tmp_path: Path, script: str, said: str) -> None:
    site, program = Site(tmp_path), tmp_path / "tell"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    configured(site, f'\n[index.main.command.x]\nrun = ["{program}"]\ntimeout = "300ms"\n')
    done = site.call("notify", "--test")
    assert done.code == 1
    assert f"main: command.x: {program}: " in done.out
    assert said in done.out


@pytest.mark.parts
def test_apprise_tells_the_services_of_a_file(tmp_path: Path) -> None:
    with http_server() as hooks:
        site = Site(tmp_path)
        (tmp_path / "urls").write_text(f"# ours\n{hooks.url.replace('http', 'json')}/x\n")
        configured(site, '\n[index.main.apprise.team]\nurls-file = "urls"\n')
        assert site.run("notify", "--test").code == 0
        ((_, _, _, body),) = hooks.requests
        assert "eggwatch_test-1.0-py3-none-any.whl" in json.loads(body)["title"]


def test_mail_templates_can_be_replaced_one_by_one_and_a_broken_one_is_named(tmp_path: Path) -> None:
    with smtp_server() as (mailbox, port):
        site, folder = Site(tmp_path), tmp_path / "mails"
        folder.mkdir()
        (folder / "admitted.txt").write_text("Subject: hurrah for {{ event.project }}\n\nIt is {{ event.version }}.\n")
        configured(site, mail_table(port, 'templates = "mails"\n'))
        assert site.call("notify", "--test").code == 0
        (_, message), *_ = mailbox.messages
        assert (message["Subject"], message.get_content().replace("\r", "")) == (
            "hurrah for eggwatch-test",
            "It is 1.0.\n",
        )
        (folder / "rejected.txt").write_text("Subject: {{ oops\n")
        done = site.call("notify", "--once")
        assert done.code == 1
        assert str(folder / "rejected.txt") in done.err


def test_a_mail_template_that_is_none_delays_no_other_news(tmp_path: Path) -> None:
    """Neither of its index nor of others; its mails follow once it is corrected."""
    with smtp_server() as (mailbox, port), http_server() as hooks:
        site, folder = Site(tmp_path), tmp_path / "mails"
        folder.mkdir()
        (folder / "admitted.txt").write_text("Subject: {{ oops\n")
        configured(site, mail_table(port, 'templates = "mails"\n') + hook_table(hooks.url))
        site.put(GOOD)
        assert site.call("run", "--once").code == 0
        assert [body["event"] for body in hooks.bodies] == ["admitted"]
        done = site.call("status", "--json")
        assert f"The mail template {folder / 'admitted.txt'}" in done.row["news"]["mail"]["error"]
        (folder / "admitted.txt").write_text("Subject: at last\n\nIt is here.\n")
        assert site.call("notify", "--once").code == 0
        assert [str(message["Subject"]) for _, message in mailbox.messages] == ["at last"] * 2
        assert len(hooks.requests) == 1


def test_status_tells_who_is_behind_and_what_is_undelivered(tmp_path: Path) -> None:
    """With the daemon up or down, from STATE/news; an outage is something to be mended."""
    site = Site(tmp_path)
    configured(site, hook_table(f"http://127.0.0.1:{free_port()}"))
    site.put(GOOD)
    site.call("run", "--once")
    done = site.call("status", "--json")
    news = done.row["news"]["webhook.one"]
    assert (news["behind"], news["undelivered"], news["failures"]) == (1, 0, 1)
    assert "refused" in news["error"]
    assert done.code == 1
    assert "news.webhook.one" in done.row["faults"]


def test_the_mode_of_what_the_courier_keeps_is_that_of_the_state(tmp_path: Path) -> None:
    with http_server() as hooks:
        site = Site(tmp_path, mode='"0640"')
        configured(site, hook_table(hooks.url))
        site.put(GOOD)
        site.call("run", "--once")
        assert stat.S_IMODE((site.state / "news" / "state.json").stat().st_mode) == 0o640
        assert stat.S_IMODE((site.state / "news").stat().st_mode) == 0o750
