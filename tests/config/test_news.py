"""The tables of eggwatch.toml that say who is told the news."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.config.loading import WrongConfigurationError, load
from eggwatch.policy.subscriptions import Apprise, Digest, Mail, Program, Subscription, Webhook

HEAD = '[index.main]\ndrop = "d"\npublic = "p"\nstate = "s"\n'


def subscriptions(folder: Path, text: str) -> tuple[Subscription, ...]:
    """Those of an index with these tables."""
    path = folder / "eggwatch.toml"
    path.write_text(HEAD + text)
    return load(path).indexes["main"].subscriptions


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong."""
    with pytest.raises(WrongConfigurationError) as caught:
        subscriptions(folder, text)
    return [str(problem) for problem in caught.value.problems]


def test_mail_with_everything(tmp_path: Path) -> None:
    text = """[index.main.mail]
to = ["a@example.com"]
from = "egg@example.com"
server = "mail.example.com:587"
security = "starttls"
user = "egg"
password-file = "secrets/mail"
domain = "example.com"
addresses = { bob = "b@example.org" }
events = ["rejected"]
give-up-after = "1d"
"""
    (mail,) = subscriptions(tmp_path, text)
    assert isinstance(mail, Mail)
    assert (mail.server.host, mail.server.port, mail.server.security) == ("mail.example.com", 587, "starttls")
    assert mail.server.password_file == str(tmp_path / "secrets" / "mail"), "from the configuration's folder"
    assert (mail.to, mail.sender, mail.domain) == (("a@example.com",), "egg@example.com", "example.com")
    assert (mail.events, mail.give_up_after) == (frozenset({"rejected"}), 86400.0)


@pytest.mark.parametrize("time", ["0s", "25d"])
def test_a_timeout_in_which_nothing_can_be_delivered_is_wrong(tmp_path: Path, time: str) -> None:
    """After none each command was killed, and no server answered; more than 24 days no socket can wait."""
    (problem,) = problems(tmp_path, f'[index.main.webhook.ci]\nurl = "http://h/"\ntimeout = "{time}"\n')
    assert "is not between" in problem


def test_a_digest_is_a_subscription_of_its_own(tmp_path: Path) -> None:
    """With its own cursor: maintainers get it, uploaders hear at once."""
    text = '[index.main.mail]\nto = ["a@example.com"]\ndomain = "example.com"\ndigest = "1d"\n'
    mail, digest = subscriptions(tmp_path, text)
    assert isinstance(mail, Mail)
    assert isinstance(digest, Digest)
    assert (mail.to, digest.to, digest.every) == ((), ("a@example.com",), 86400.0)


def test_webhooks_commands_and_apprise_have_names_of_your_choice(tmp_path: Path) -> None:
    text = """[index.main.webhook.ci]
url = "https://ci.example.com/hook"
secret-file = "/etc/secret"
[index.main.webhook.chat]
url-file = "chat-url"
form = "slack"
[index.main.command.deploy]
run = ["/bin/true", "--now"]
[index.main.apprise.team]
urls-file = "urls"
"""
    ci, chat, deploy, team = subscriptions(tmp_path, text)
    assert isinstance(ci, Webhook)
    assert (ci.name, ci.secret_file) == ("webhook.ci", "/etc/secret")
    assert isinstance(chat, Webhook)
    assert (chat.url, chat.url_file) == (None, str(tmp_path / "chat-url"))
    assert isinstance(deploy, Program)
    assert deploy.run == ("/bin/true", "--now")
    assert isinstance(team, Apprise)


def test_everything_that_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    text = """[index.main.mail]
tos = ["a@example.com"]
server = "no server"
security = "ssl"
[index.main.webhook.ci]
url = "ftp://x"
events = ["imported"]
[index.main.command.deploy]
run = ["deploy"]
"""
    found = problems(tmp_path, text)
    assert found == [
        "line 6: [index.main] mail.tos: unknown; did you mean to?",
        "line 7: [index.main] mail.server: 'no server' is not a server; write \"localhost:25\"",
        "line 8: [index.main] mail.security: 'ssl' is none of none, starttls, tls",
        "line 10: [index.main] webhook.ci.url: 'ftp://x' is not a URL; write \"https://packages.example.com/\"",
        "line 11: [index.main] webhook.ci.events: ['imported'] names 'imported'; the events are "
        "admitted, rejected, yanked, unyanked, removed, unblocked, quarantined",
        "line 13: [index.main] command.deploy.run: ['deploy'] names 'deploy'; the program needs its whole path",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[index.main.mail]\nserver = "localhost"\n', 'has no recipient; name "to", "domain" or "addresses"'),
        ('[index.main.mail]\ndomain = "example.com"\ndigest = "1d"\n', 'mail.digest: has no recipient; name "to"'),
        ('[index.main.webhook]\nurl = "http://x/"\n', "needs a name of your choice"),
        ("[index.main.webhook.x]\n", 'webhook.x: needs either "url" or "url-file"'),
        (
            '[index.main.webhook.x]\nurl = "http://x/"\nform = "slack"\nsecret-file = "s"\n',
            "signs nothing in this form",
        ),
        ("[index.main.command.x]\n", 'command.x: needs "run"'),
        ("[index.main.apprise.x]\n", 'apprise.x: needs "urls-file"'),
        ('[index.main.mail]\nto = "a@example.com"\n', "is not a list of addresses"),
        ('[index.main.mail]\nto = ["nobody"]\n', "is not an address"),
        ('[index.main.mail]\ndomain = "a b"\n', "is not a domain"),
        ('[index.main.mail]\naddresses = ["x"]\n', "is not a table"),
        ('[index.main.command.x]\nrun = "deploy"\n', "is not a command"),
        ('[index.main.mail]\nto = ["a@example.com"]\nevents = []\n', "is not a list; write some of"),
    ],
)
def test_what_is_missing_or_of_no_use_is_said(tmp_path: Path, text: str, said: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert said in problem
