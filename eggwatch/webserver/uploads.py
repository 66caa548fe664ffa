"""The upload door: PyPI's upload API for twine, uv and others, as a client of the drop folder.

An upload is stored in DROP/http/, and the response is the pipeline's verdict: 200 when the file is on its project's
page, and not before.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from packaging.version import InvalidVersion, Version
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import get_input_stream

from eggwatch.config.index_config import IndexConfig
from eggwatch.config.uploads import Anonymous, Register, UploadDoor
from eggwatch.errors import DISK_FULL, FolderError
from eggwatch.linux.accounts import HTTP_FOLDER
from eggwatch.model.names import Filename, Kind, parse_filename, project_name, shown
from eggwatch.policy.settling import NameKind, kind_of_name, remark_on
from eggwatch.readers.local import IndexReader
from eggwatch.readers.waiting import Awaited
from eggwatch.store.drop.door_orders import FROM_AFAR
from eggwatch.store.drop.folder import Drop
from eggwatch.webserver.answers import Reply, later, published, rejected, response, trouble, wrong
from eggwatch.webserver.form import CHUNK, MalformedError, UploadForm
from eggwatch.webserver.incoming import Arrival, Incoming, TooLargeError
from eggwatch.webserver.orders import Orders
from eggwatch.webserver.receiving import Body, Received, Receiving
from eggwatch.webserver.rights import lacking
from eggwatch.webserver.users import Refused, User, Users

log = logging.getLogger("eggwatch.http")

FORM_BYTES = 16 << 20
"""The maximum size of a form without its archive."""
LARGEST = 16 << 30
"""The maximum size of an archive, if `max-file-size` is not set."""
PATIENCE = 22.0
"""Seconds to wait for a verdict: uv waits 30 for an answer, proxies 60."""
BYTES_A_SECOND = 40 << 20
"""The time for a verdict is longer for large archives, which take longer to be copied and inspected."""
GONE_SECONDS = 3.0
"""How long the daemon must be missing before uploads are rejected: it may be restarting, and only twine tries again."""
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.1
SWEEP_SECONDS = 60.0

_NO_DAEMON = "The index is not accepting uploads at the moment: its daemon is not running. Try again later."
_FULL = "The disk of the index is full. Try again later."
_BUSY = "There is no verdict yet; the index is busy. Upload the same file again later to see what became of it."
_GONE = {
    "submit": "Project pre-registration is no longer required or supported, upload your files instead.",
    "submit_pkg_info": "Project pre-registration is no longer required or supported, upload your files instead.",
    "verify": "Metadata is checked when a file is uploaded; upload your files instead.",
    "doc_upload": "Uploading documentation is not supported.",
    "user": "Users are added by the administrator of this index.",
    "password_reset": "Passwords are set by the administrator of this index.",
}
"""Messages for actions of old clients; PyPI's, where it has one."""
_REGISTERING = ("submit", "submit_pkg_info", "verify")
_OF_DISTUTILS = ("blake2_256_digest", 128)
"""Pythons 3.9 to 3.11 send another hash under this name, of 512 bits; those of MD5 and SHA-256 beside it are right."""
_FILETYPES = {"sdist": Kind.SDIST, "bdist_wheel": Kind.WHEEL}


class Door:
    """The upload door of one index."""

    def __init__(self, config: IndexConfig) -> None:
        self._config, self._reader = config, IndexReader(config=config)
        self.settings: UploadDoor = config.uploads or UploadDoor()
        self.incoming = Incoming(Drop(config.drop, config.formats), most=self.largest, min_free=config.min_free)
        self._orders = Orders(self._reader)
        self._users = Users(self.settings, config.drop / HTTP_FOLDER, config.state / "tokens.json")
        self._next_sweep, self._trouble = 0.0, ""

    def __repr__(self) -> str:
        return f"Door({self._config.name})"

    @property
    def url(self) -> str | None:
        """Of the index, as its clients type it, if the configuration says so."""
        return self._config.url

    @property
    def largest(self) -> int:
        """The maximum size of an archive."""
        return self._config.terms.max_file_size or LARGEST

    @property
    def largest_body(self) -> int:
        """The maximum size of a request, with the form around the archive."""
        return self.largest + FORM_BYTES

    def body_for(self, headers: Mapping[str, str], length: int) -> Body | None:
        """Where the body of a request goes as it comes, by the headers' names in the environ of WSGI.

        None where it is not worth keeping: before anybody says who sends it, if it is too large, or no form.
        """
        is_anonymous = self.settings.anonymous is not Anonymous.NOWHERE
        is_known = is_anonymous or self._users.may_log_in(headers.get("AUTHORIZATION", ""))
        boundary = _boundary_of(headers.get("CONTENT_TYPE"))
        if not is_known or not boundary or length > self.largest_body:
            return None
        return Body(self.incoming, boundary, most=self.largest_body)

    def answer(self, request: Request) -> Response:
        """The response to a POST; errors of clients and of the disk are responses too."""
        self.sweep()
        return response(self._answer(request), request)

    def sweep(self) -> None:
        """Take away what killed processes have left, once in a while; never raises for what the disk does."""
        if time.monotonic() < self._next_sweep:
            return
        self._next_sweep = time.monotonic() + SWEEP_SECONDS
        try:
            self.incoming.sweep(self._reader.judged(f"{HTTP_FOLDER}/"))
            self._trouble = ""
        except (FolderError, OSError, sqlite3.Error) as error:
            if str(error) != self._trouble:
                log.warning("upload: %s", error)
            self._trouble = str(error)

    def _answer(self, request: Request) -> Reply:
        try:
            return self._post(request)
        except FolderError as error:
            log.error("upload: %s", error)
            return trouble(error)
        except MalformedError as error:
            return wrong(str(error))
        except ClientDisconnected:
            return wrong("The body is incomplete.")
        except (TooLargeError, RequestEntityTooLarge):
            return self._too_large()
        except OSError as error:
            log.error("upload: %s", error)
            return later(_FULL if error.errno in DISK_FULL else "The upload could not be stored. Try again later.")

    def _post(self, request: Request) -> Reply:
        user = self._users.authenticate(request, now=time.time())
        if isinstance(user, Refused):
            return _refused(user)
        if (request.content_length or 0) > self.largest_body:
            return self._too_large()
        if self._until(self._someone_is_there, time.monotonic() + PATIENCE) is not _NOTHING:
            return later(_NO_DAEMON)
        boundary = _boundary_of(request.headers.get("Content-Type"))
        if boundary is None:
            return wrong("This is not an upload, which is a form of the type multipart/form-data.")
        with self._received(request, boundary) as receiving:
            form = receiving.end()
            if form.fields.get(":action") in FROM_AFAR:
                return self._orders.answer(form.fields, user)
            return self._old_action(form) or self._file(form, receiving.arrival, user)

    def _received(self, request: Request, boundary: str) -> Receiving:
        """The received upload; the caller ends and closes it."""
        given = request.environ["wsgi.input"]
        if isinstance(given, Received):
            return given.body.received()
        stream = get_input_stream(request.environ, max_content_length=self.largest_body)
        receiving = Receiving(self.incoming, boundary)
        try:
            while data := stream.read(CHUNK):
                receiving.take(data)
        except BaseException:
            receiving.close()
            raise
        return receiving

    def _someone_is_there(self) -> Reply | None:
        return _NOTHING if self._reader.is_running() else None

    def _too_large(self) -> Reply:
        message = f"The file is too large: this index takes up to {self.largest} bytes (max-file-size)."
        return Reply(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message=message)

    def _old_action(self, form: UploadForm) -> Reply | None:
        """The response to actions of old clients; None for an upload."""
        action = form.fields.get(":action", "file_upload")
        if action == "file_upload":
            return None
        if action in _REGISTERING and self.settings.register is Register.ACCEPT:
            return Reply(status=HTTPStatus.OK, message="Nothing needs to be registered here. Upload your files.")
        if action in _GONE:
            return Reply(status=HTTPStatus.GONE, message=_GONE[action])
        return wrong(f"There is no action {shown(action)!r}; it is file_upload.")

    def _file(self, form: UploadForm, arrival: Arrival, user: User) -> Reply:
        filename = form.filename
        if filename is None:
            return wrong("The form has no file: it is sent as 'content'.")
        problem = _problem_of_name(filename, self._config.formats) or _contradiction(form, filename)
        if problem is not None:
            return wrong(problem)
        parsed = parse_filename(filename)
        if "upload" not in user.actions:
            return Reply(status=HTTPStatus.FORBIDDEN, message=f"This login is not for uploads. {user.remedy}.")
        if isinstance(parsed, Filename) and not user.may(parsed.project):
            message = f"This login may not upload to the project {parsed.project}. {user.remedy}."
            return Reply(status=HTTPStatus.FORBIDDEN, message=message)
        if self._free() < form.size + self._config.min_free:
            return later(_FULL)
        arrival.finish()
        answer = self._judged(filename, form.digests["sha256_digest"], arrival, user)
        log.info("upload of %s by %s: %d %s", shown(filename), user.name, answer.status, answer.message)
        return answer

    def _free(self) -> int:
        status = os.statvfs(self._config.public)
        return status.f_bavail * status.f_frsize

    def _judged(self, filename: str, sha256: str, arrival: Arrival, user: User) -> Reply:
        """Pass it to the pipeline, and wait for the verdict."""
        awaited = Awaited(self._reader, filename=filename, sha256=sha256, uploader=user.name)

        def verdict() -> Reply | None:
            if awaited.is_published():
                foreign = lacking(self._reader, user.name, filename)
                return rejected(filename, foreign) if foreign else published(filename)
            event = awaited.rejection()
            return None if event is None else rejected(filename, event.flaws)

        deadline = time.monotonic() + PATIENCE + os.fstat(arrival.fd).st_size / BYTES_A_SECOND

        def given() -> Reply | None:
            if awaited.is_published():
                return verdict()
            return _NOTHING if self.incoming.give(arrival, user.name, filename) else None

        answer = self._until(given, deadline)
        if answer is not _NOTHING:
            if answer.status is HTTPStatus.OK:
                self.incoming.clear(user.name, filename, sha256)
            return answer
        answer = self._until(verdict, deadline)
        if answer.message != _BUSY:
            self.incoming.take_back(arrival, user.name, filename)
        return answer

    def _until(self, look: Callable[[], Reply | None], deadline: float) -> Reply:
        """What `look` says as soon as it says something; else that it takes too long, or that no daemon is there."""
        pause, next_check, gone_since = FIRST_PAUSE, 0.0, None
        while (answer := look()) is None:
            now = time.monotonic()
            if now >= next_check:
                gone_since = None if self._reader.is_running() else gone_since or now
                next_check = now + GONE_SECONDS / 2
            if gone_since is not None and now >= gone_since + GONE_SECONDS:
                return later(_NO_DAEMON)
            if now >= deadline:
                return later(_BUSY)
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 1.2)
        return answer


_NOTHING = Reply(status=HTTPStatus.ACCEPTED, message="")
"""The upload is being processed, and there is no verdict yet."""


def _boundary_of(content_type: str | None) -> str | None:
    """The boundary of a form; None if the body is not a form."""
    kind, options = parse_options_header(content_type)
    return options.get("boundary") or None if kind == "multipart/form-data" else None


def _refused(refused: Refused) -> Reply:
    headers = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
    if refused.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="pypi"'  # distutils sends passwords to this realm only
    return Reply(status=refused.status, message=refused.message, headers=headers)


def _problem_of_name(filename: str, formats: tuple[str, ...]) -> str | None:
    """Why no file of the drop folder can have this name, or none that is an upload."""
    if filename in ("", ".", "..") or not filename.isprintable() or "/" in filename or "\\" in filename:
        return f"The filename {shown(filename)!r} must be a filename without a folder."
    if len(filename.encode("utf-8", "surrogateescape")) > 255:
        return "The filename is longer than 255 bytes."
    if kind_of_name(filename, formats) is not NameKind.UPLOAD:
        return remark_on(filename) or "This is a temporary name. Rename the file."
    return None


def _contradiction(form: UploadForm, filename: str) -> str | None:
    """The first contradiction between form and file, if any."""
    fields = form.fields
    if fields.get("protocol_version", "1") != "1":
        return "Unknown protocol version."
    for name, computed in form.digests.items():
        sent = fields.get(name, "").lower()
        if sent not in ("", computed) and (name, len(sent)) != _OF_DISTUTILS:
            return (
                f"The {name} is {shown(sent)[:64]!r}, but that of the file that arrived is {computed}. Upload it again."
            )
    parsed, filetype = parse_filename(filename), fields.get("filetype", "")
    kind = parsed.kind if isinstance(parsed, Filename) else None
    if filetype and (filetype not in _FILETYPES or kind not in (None, _FILETYPES[filetype])):
        return f"The filetype {shown(filetype)[:64]!r} is not that of {shown(filename)}. Build an sdist or a wheel."
    return _other_release(fields, parsed) if isinstance(parsed, Filename) else None


def _other_release(fields: dict[str, str], filename: Filename) -> str | None:
    name, version = fields.get("name"), fields.get("version")
    if name and project_name(name) != filename.project:
        return f"The form says that the project is {shown(name)!r}, but the filename says {filename.project}."
    try:
        same = not version or Version(version) == filename.version
    except InvalidVersion:
        same = False
    return (
        None if same else f"The form says version {shown(version or '')!r}, but the filename says {filename.version}."
    )
