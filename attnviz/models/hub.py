"""One model at one endpoint of the Hub: its files one by one, looked up, streamed into the cache, found there again.

Plain HTTP and no listing: mirrors have neither listings nor xet. A download that broke off goes on where it stopped,
which the library's own no longer does (2.4 removes what it had).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from attnviz.adapter.progress import Progress, Report
from attnviz.errors import ModelError, first_line

CHUNK = 1 << 20  # bytes that are checked at once
EVERY = 0.1  # seconds between two reports of progress
TRIES = 3  # attempts in a row that bring no byte
PAUSE = 1.0  # seconds before the next attempt


Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Remote:
    """One file of the Hub: its size and its name in the cache."""

    file: str
    size: int
    etag: str


@dataclass
class Hub:
    """One model of one endpoint, and how far its download is. `commit` is known once a file has been looked up."""

    name: str
    revision: str
    endpoint: str
    progress: Report | None = None
    commit: str = ""
    done: int = 0
    total: int = 0
    reported: float = 0.0

    @property
    def cache(self) -> Path:
        """The Hub's cache on this machine (HF_HUB_CACHE)."""
        from huggingface_hub import constants

        folder = Path(constants.HF_HUB_CACHE)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def shelf(self) -> Path:
        """The folder of this model in the cache."""
        return self.cache / f"models--{self.name.replace('/', '--')}"

    def cached(self, file: str, revision: str = "") -> Path | None:
        """A file of the cache."""
        found = self._in_cache(file, revision or self.commit)
        return Path(found) if isinstance(found, str) else None

    def known(self, file: str) -> bool:
        """Is a file in the cache, or known not to exist?"""
        return bool(self.commit) and self._in_cache(file, self.commit) is not None

    def _in_cache(self, file: str, revision: str) -> object:
        """The path of a cached file, a mark for one that does not exist, None for one that was never asked for."""
        from huggingface_hub import try_to_load_from_cache

        return try_to_load_from_cache(self.name, file, revision=revision, cache_dir=self.cache)

    def look(self, file: str, revision: str = "") -> Remote | None:
        """One file's size and name in the cache, without its bytes; None where the model has no such file."""
        from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import HfHubHTTPError, RemoteEntryNotFoundError

        if self.known(file) and self.cached(file) is None:
            return None
        url = hf_hub_url(self.name, file, revision=revision or self.commit, endpoint=self.endpoint)
        try:
            found = once_more(
                partial(get_hf_file_metadata, url, timeout=constants.HF_HUB_ETAG_TIMEOUT, endpoint=self.endpoint)
            )
        except RemoteEntryNotFoundError:
            self._remember_absent(file)
            return None
        except HfHubHTTPError as reason:
            if type(reason) is not HfHubHTTPError or reason.response.status_code != 404:
                raise
            if not self.commit:  # a mirror that does not say what is missing, the model or the file
                raise ModelError("hub_unknown", model=self.name, endpoint=self.endpoint) from reason
            return None
        if not found.commit_hash or found.size is None or not re.fullmatch(r"[\w-]+", found.etag or ""):
            raise ModelError("hub_strange", endpoint=self.endpoint)
        self.commit = self.commit or found.commit_hash
        return Remote(file, found.size, str(found.etag))

    def _remember_absent(self, file: str) -> None:
        """Write down in the cache, where the library looks too, that this commit has no such file."""
        if self.commit:
            mark = self.shelf / ".no_exist" / self.commit / file
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()

    def take(self, remote: Remote, revision: str = "") -> Path:
        """The file in the cache, fetched if it is not there."""
        from huggingface_hub import hf_hub_download

        found = self.cached(remote.file, revision)
        if found is not None and found.parent.name == self.commit:
            return found
        blob = self.shelf / "blobs" / remote.etag
        if not blob.exists():
            self._download(remote, blob)
        link = partial(
            hf_hub_download, self.name, remote.file, revision=revision or self.commit, endpoint=self.endpoint,
            cache_dir=self.cache,
        )  # fmt: skip
        return Path(once_more(link))

    def _download(self, remote: Remote, blob: Path) -> None:
        """Fetch one file under another name, and give it its own once it is whole."""
        from huggingface_hub.utils._fixes import WeakFileLock

        part = blob.with_name(f"{remote.etag}.attnviz.incomplete")
        part.parent.mkdir(parents=True, exist_ok=True)
        before = self.done
        with WeakFileLock(part.with_suffix(".lock")):
            if not blob.exists():  # else somebody was faster
                self._append(remote, part)
                if not _is_whole(part, remote):
                    part.unlink()
                    raise ModelError("download_corrupt", model=self.name, file=remote.file)
                part.rename(blob)
        self.done = before + remote.size
        self.report(remote.file, now=True)

    def _append(self, remote: Remote, part: Path) -> None:
        """Bring a part up to its size, as long as something arrives; what arrived stays for the next time."""
        before, failures = self.done, 0
        part.touch()
        while (have := part.stat().st_size) < remote.size:
            self.done, reason = before + have, None
            try:
                self._receive(remote, part, have)
            except network_errors() as error:
                reason = error
            now = part.stat().st_size
            failures = failures + 1 if now <= have else 0
            if failures >= TRIES:
                raise _broken(self.name, remote, now, reason) from reason
            if now < remote.size:
                time.sleep(PAUSE)

    def _receive(self, remote: Remote, part: Path, have: int) -> None:
        """One request for what is missing, written down as it comes."""
        with self.stream(remote, have) as (begins, chunks), part.open("ab") as file:
            file.truncate(begins)
            self.done += begins - have
            self.report(remote.file, now=True)
            for chunk in chunks:
                file.write(chunk)
                self.done += len(chunk)
                self.report(remote.file)

    @contextmanager
    def stream(self, remote: Remote, begin: int = 0) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Where the bytes that come begin, and they: a remote file from `begin` on, or from 0 if all is sent."""
        from huggingface_hub import constants, get_session, hf_hub_url
        from huggingface_hub.utils._headers import build_hf_headers
        from huggingface_hub.utils._http import hf_raise_for_status

        url = hf_hub_url(self.name, remote.file, revision=self.commit, endpoint=self.endpoint)
        headers = build_hf_headers() | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begin}-"} if begin else {})
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with get_session().stream("GET", url, headers=headers, timeout=timeout) as reply:
            hf_raise_for_status(reply)
            yield (begin if reply.status_code == 206 else 0), reply.iter_bytes()

    def report(self, file: str, now: bool = False) -> None:
        """Tell whoever asked how far it is, ten times a second at most."""
        moment = time.monotonic()
        if self.progress is not None and (now or moment - self.reported >= EVERY):
            self.reported = moment
            self.progress(Progress(self.name, file, self.done, self.total))

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn what the library raises into a sentence."""
        from huggingface_hub import errors

        try:
            yield
        except errors.GatedRepoError as reason:
            raise ModelError("hub_gated", model=self.name) from reason
        except errors.RepositoryNotFoundError as reason:
            raise ModelError("hub_unknown", model=self.name, endpoint=self.endpoint) from reason
        except errors.RevisionNotFoundError as reason:
            raise ModelError("hub_revision", model=self.name, revision=self.revision) from reason
        except errors.HFValidationError as reason:
            raise ModelError("model_name", model=self.name) from reason
        except network_errors() as reason:
            if isinstance(reason, errors.HfHubHTTPError) and reason.response.status_code in (401, 403):
                raise ModelError("hub_gated", model=self.name) from reason
            said = _why(reason)
            raise ModelError("hub_unreachable", model=self.name, endpoint=self.endpoint, reason=said) from reason


def once_more(ask: Callable[[], Answer]) -> Answer:
    """An answer, asked for again where the server hung up: it may just have closed a connection kept from before."""
    import httpx2

    try:
        return ask()
    except httpx2.RemoteProtocolError:
        return ask()


def network_errors() -> tuple[type[Exception], ...]:
    """What goes wrong between two machines, or is not even tried. httpx2 is what huggingface_hub speaks with."""
    import httpx2
    from huggingface_hub.errors import LocalEntryNotFoundError

    return (httpx2.HTTPError, ConnectionError, TimeoutError, LocalEntryNotFoundError)


def _is_whole(part: Path, remote: Remote) -> bool:
    """Are these the bytes that the Hub names? Large files are named by their SHA-256."""
    if part.stat().st_size != remote.size:
        return False
    if not re.fullmatch(r"[0-9a-f]{64}", remote.etag):
        return True
    digest = sha256()
    with part.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == remote.etag


def _broken(model: str, remote: Remote, have: int, reason: Exception | None) -> ModelError:
    """The download that stopped: nothing came any more, or the connection was cut."""
    import httpx2
    from huggingface_hub import constants

    done, total = f"{have / 1e6:.1f}", f"{remote.size / 1e6:.1f}"
    if isinstance(reason, httpx2.TimeoutException):
        seconds = constants.HF_HUB_DOWNLOAD_TIMEOUT
        return ModelError(
            "download_slow", model=model, file=remote.file, done=done, total=total, seconds=seconds
        )  # fmt: skip
    return ModelError("download_cut", model=model, file=remote.file, done=done, total=total)


def _why(reason: Exception) -> str:
    """A few words on what happened."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(reason, HfHubHTTPError):
        return f"HTTP {reason.response.status_code}"
    if isinstance(reason, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE"
    return first_line(reason, 120)
