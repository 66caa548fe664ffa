"""The configuration as frozen values: one index, and all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from eggwatch.config.settings import SUPPORTED_FORMATS, Site
from eggwatch.config.uploads import UploadDoor
from eggwatch.model.instructions import UNKNOWN_HOST, upload_address
from eggwatch.model.names import FILES, shown
from eggwatch.policy.retention import Keeping
from eggwatch.policy.settling import Patience
from eggwatch.policy.subscriptions import Subscription
from eggwatch.policy.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexConfig:
    """One index: its three folders and its settings (times in seconds, sizes in bytes)."""

    name: str
    drop: Path
    public: Path
    state: Path
    contact: str | None = None
    url: str | None = None
    upload_to: str | None = None
    files_url: str = FILES
    patience: Patience = field(default_factory=Patience)
    scan: float = 30.0
    intake: str = "drop"
    """What the folder is: `drop`, which files leave once they are judged, or `mirror`, where they stay."""
    removed_after: float = 10.0
    grace: float = 600.0
    min_free: int = 64 << 20
    formats: tuple[str, ...] = SUPPORTED_FORMATS
    mode: int = 0o644
    group: str | None = None
    identity: str = "owner"
    """Who the uploader is: the `owner` of the file, or the account named by its `folder` DROP/<account>/."""
    terms: Terms = field(default_factory=Terms)
    keep_rejected: Keeping = field(default_factory=Keeping)
    keep_aside: Keeping = field(default_factory=Keeping)
    uploads: UploadDoor | None = None
    """How packages may be uploaded over HTTP; None if they may not."""
    site: Site | None = field(default_factory=Site)
    """The pages for people; None if there is only the list of all projects."""
    subscriptions: tuple[Subscription, ...] = ()
    """The subscriptions: who is notified, and how."""
    metrics: Path | None = None
    """The file for node_exporter, where one is wanted."""
    makes_folders: bool = False
    """Whether to create missing folders: only without a configuration, as DROP may be a disk that is not mounted."""

    @property
    def is_mirror(self) -> bool:
        """Whether the drop folder is the truth."""
        return self.intake == "mirror"

    @property
    def folders(self) -> tuple[Path, Path, Path]:
        """DROP, PUBLIC and STATE."""
        return self.drop, self.public, self.state

    @property
    def index_url(self) -> str:
        """The URL of the simple index, if it is known."""
        base = (self.url or f"http://{UNKNOWN_HOST}").rstrip("/").removesuffix("/simple")
        return f"{base}/simple/"

    @property
    def rules_url(self) -> str | None:
        """The URL of the page of rules, with a fragment for each code; None if the index has no known URL."""
        return None if self.url is None else f"{self.url.rstrip('/')}/rules/"

    @property
    def ledger(self) -> Path:
        """The ledger: all events."""
        return self.state / "ledger.jsonl"

    @property
    def catalog(self) -> Path:
        """The catalog, a database that is built from the ledger."""
        return self.state / "catalog.sqlite3"

    @property
    def upload_address(self) -> str:
        """The target that uploaders copy to: `upload-to`, or made from `url` and `drop`, as text."""
        return self.upload_to or upload_address(self.url, shown(str(self.drop)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All indexes, by name, and the file that was read."""

    indexes: Mapping[str, IndexConfig] = field(default_factory=dict)
    source: Path | None = None

    def trees(self) -> dict[str, Path]:
        """The folders that a web server shows: one index at the root (""), several below their names."""
        indexes = list(self.indexes.values())
        return {"": indexes[0].public} if len(indexes) == 1 else {index.name: index.public for index in indexes}

    def served_at(self, base: str) -> Config:
        """A copy in which indexes without a `url` have the URL at which they are served, below `base`."""
        several = len(self.indexes) > 1
        indexes = {
            name: replace(index, url=index.url or (f"{base}{name}/" if several else base))
            for name, index in self.indexes.items()
        }
        return replace(self, indexes=indexes)
