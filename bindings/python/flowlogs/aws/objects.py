"""s3://BUCKET/PREFIX as a source: which objects it names, and their content, read again from where a connection broke."""

from __future__ import annotations

import fnmatch
import http.client
import random
import re
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from .._text import listed
from ..windows import Window
from .asking import Again, Asker
from .errors import AwsError, SourceError, code_of, explained
from .session import Session, told

# A file holds records that end in its five minutes; some are up to a minute off.
_FILE_SECONDS, _SLACK = 300, 60
_INTERVAL = 600  # between the first and the last packet of a record, at most
# A record may come so much later than its time; the folder's date is that of the delivery, later again.
LATE = 3600

# The beginning of a large object is asked for alone: little is lost if no more of it is read. A request costs some
# milliseconds of CPU, so that the answer of a smaller one waits in its connection instead.
_HEAD_BYTES, _LARGE = 256 << 10, 16 << 20
_PARQUET_HEAD = 1024  # its rows are read by position
_MOST_FAILURES = 5  # in a row, without a byte between
_PAUSE = 0.2  # seconds, doubled with each
CONNECTIONS = 32

_FILE = re.compile(
    r"(?P<account>\d{12})_vpcflowlogs_(?P<region>[a-z0-9-]+)_(?P<flow_log>fl-[0-9a-f]+)_(?P<time>\d{8}T\d{4})Z_[^/]*"
)
_ACCOUNT = r"(?:AWSLogs/(?:o-[a-z0-9]+/)?)(?:aws-account-id=)?(?P<account>\d{12})/"
_SERVICE = r"(?:(?:aws-)?service=)?(?P<service>[A-Za-z0-9_-]+)/"
_REGION = r"(?:aws-region=)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d+)/"
_FOLDERS = re.compile(rf"(?:^|/){_ACCOUNT}(?:{_SERVICE}(?:{_REGION})?)?")


class Wanted:
    """Which objects may hold records of a window, of accounts and regions. None, or empty: all."""

    def __init__(self, window: Window, accounts: Iterable[str] = (), regions: Iterable[str] = ()) -> None:
        self.accounts, self.regions = frozenset(accounts), frozenset(regions)
        for account in sorted(self.accounts):
            if not re.fullmatch(r"\d{12}", account):
                raise SourceError(f"--accounts: '{account}' is no account; give its 12 digits")
        for region in sorted(self.regions):
            if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d+", region):
                raise SourceError(f"--regions: '{region}' is no region; they are called as eu-west-1")
        # Times of files, in epoch seconds.
        self.first = None if window.since is None else window.since - _FILE_SECONDS - _SLACK
        self.last = None if window.until is None else window.until + _INTERVAL + _SLACK + LATE

    def __str__(self) -> str:
        """What was asked for, behind "no object is there"."""
        told = [" in that time"] if self.first is not None or self.last is not None else []
        if self.accounts:
            told.append(f" of account {listed(sorted(self.accounts), 'or')}")
        if self.regions:
            told.append(f" in {listed(sorted(self.regions), 'or')}")
        return "".join(told)

    def folder(self, key: str) -> bool:
        """Whether what is below this prefix may be wanted, as far as its account, service and region go."""
        found = _FOLDERS.search(key)
        return found is None or (
            self._of(found["account"], found["region"]) and found["service"] in (None, "vpcflowlogs")
        )

    def object(self, key: str) -> bool:
        path, _, name = key.rpartition("/")
        # Folders, and what others write beside logs.
        if not name or name == "aws-logs-write-test" or any(part[:1] in (".", "_") for part in key.split("/") if part):
            return False
        if not self.folder(path + "/"):
            return False
        file = _FILE.fullmatch(name)
        if file is None:
            return True
        if not self._of(file["account"], file["region"]):
            return False
        at = _seconds(file["time"])
        return (self.first is None or at >= self.first) and (self.last is None or at <= self.last)

    def _of(self, account: str | None, region: str | None) -> bool:
        return (not self.accounts or account is None or account in self.accounts) and (
            not self.regions or region is None or region in self.regions
        )

    def days(self, region_folder: str) -> tuple[str, str | None]:
        """The keys below the folder of a region that are looked at: those behind the first, up to the second."""
        form = "year=%Y/month=%m/day=%d/" if "aws-region=" in region_folder.rpartition("AWSLogs/")[2] else "%Y/%m/%d/"

        def day(at: float) -> str:
            return region_folder + time.strftime(form, time.gmtime(max(0, at)))

        first = region_folder if self.first is None else day(self.first)
        return first, None if self.last is None else day(self.last + LATE) + "\U0010ffff"


def _seconds(text: str) -> int:
    import calendar

    try:
        return calendar.timegm(time.strptime(text, "%Y%m%dT%H%M"))
    except ValueError:
        return 0


class Bucket:
    """One bucket, as a caller sees it."""

    def __init__(self, session: Session, name: str) -> None:
        self.session, self.name = session, name
        # Refusals and broken connections are met by S3Object alone, which can be stopped while it waits.
        self.client = session.client("s3", total_max_attempts=1, max_pool_connections=CONNECTIONS)
        self.asker = Asker(self.client, name)

    def find(self, path: str, wanted: Wanted) -> list[S3Object]:
        """The objects that a key, a folder or a glob names, sorted bytewise. Raises SourceError if there are none."""
        url = f"s3://{self.name}/{path}"
        is_glob = re.search(r"[*?[]", path) is not None
        if path and not path.endswith("/"):  # a key may have the characters of globs
            found = [item for item in self._list(Prefix=path, MaxKeys=1) if item["Key"] == path]
        else:
            found = []
        if not found and is_glob:
            found = list(self._matching("", path.split("/"), wanted))
        elif not found:
            found = list(self._below(path if path.endswith("/") or not path else path + "/", wanted))
        objects = {item["Key"]: S3Object(self, item["Key"], item["ETag"], item["Size"]) for item in found}
        if not objects:
            raise SourceError(f"{url}: no object is there{wanted}; check the name: it is a key, a folder, or a glob such as "
                              f"s3://{self.name}/AWSLogs/*/vpcflowlogs/")  # fmt: skip
        return [objects[key] for key in sorted(objects, key=lambda key: key.encode())]

    def newer(self, path: str, wanted: Wanted) -> list[S3Object]:
        """As find(), but nothing is no error."""
        try:
            return self.find(path, wanted)
        except SourceError:
            return []

    def _pages(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        client = self.session.client("s3")
        with told(f"list s3://{self.name}/{arguments.get('Prefix', '')}", "s3"):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.name, **arguments):
                yield page

    def _list(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        if "MaxKeys" in arguments:
            arguments["PaginationConfig"] = {"MaxItems": arguments.pop("MaxKeys")}
        for page in self._pages(**arguments):
            yield from page.get("Contents", [])

    def _children(self, prefix: str) -> tuple[list[str], list[dict[str, Any]]]:
        folders: list[str] = []
        objects: list[dict[str, Any]] = []
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            folders += [item["Prefix"] for item in page.get("CommonPrefixes", [])]
            objects += page.get("Contents", [])
        return folders, objects

    def _below(self, prefix: str, wanted: Wanted) -> Iterator[dict[str, Any]]:
        """All wanted objects below the prefix. Folders of days and accounts that are not wanted are not listed."""
        if wanted.first is None and wanted.last is None and not wanted.accounts and not wanted.regions:
            yield from (item for item in self._list(Prefix=prefix) if wanted.object(item["Key"]))
            return
        if not wanted.folder(prefix):
            return
        region = _region_folder(prefix)
        if region is not None:
            first, last = wanted.days(region)
            for item in self._list(Prefix=prefix, **({"StartAfter": first} if first > prefix else {})):
                if last is not None and item["Key"] > last:
                    return
                if wanted.object(item["Key"]):
                    yield item
            return
        # What fits into one page is not worth more than one question.
        page = next(iter(self._pages(Prefix=prefix)), {})
        if not page.get("IsTruncated"):
            yield from (item for item in page.get("Contents", []) if wanted.object(item["Key"]))
            return
        folders, objects = self._children(prefix)
        yield from (item for item in objects if wanted.object(item["Key"]))
        yield from _together([lambda folder=folder: list(self._below(folder, wanted)) for folder in folders])

    def _matching(self, prefix: str, parts: list[str], wanted: Wanted) -> Iterator[dict[str, Any]]:
        """The objects that a glob matches, and those below the folders that it matches. * goes up to the next slash."""
        while len(parts) > 1 and not re.search(r"[*?[]", parts[0]):
            prefix, parts = f"{prefix}{parts[0]}/", parts[1:]
        if not re.search(r"[*?[]", parts[0]):
            yield from (item for item in self._list(Prefix=prefix + parts[0], MaxKeys=1) if item["Key"] == prefix + parts[0])
            yield from self._below(prefix + parts[0] + ("/" if parts[0] else ""), wanted)
            return
        literal = re.split(r"[*?[]", parts[0], maxsplit=1)[0]
        matches = re.compile(fnmatch.translate(parts[0])).match
        folders, objects = self._children(prefix + literal)
        folders = [folder for folder in folders if matches(folder[len(prefix) : -1]) and wanted.folder(folder)]
        if len(parts) == 1:
            yield from (item for item in objects if matches(item["Key"][len(prefix) :]) and wanted.object(item["Key"]))
            yield from _together([lambda folder=folder: list(self._below(folder, wanted)) for folder in folders])
        else:
            yield from _together(
                [lambda folder=folder: list(self._matching(folder, parts[1:], wanted)) for folder in folders]
            )


def _region_folder(prefix: str) -> str | None:
    """The part of a prefix up to its region."""
    found = _FOLDERS.search(prefix)
    return prefix[: found.end()] if found is not None and found["region"] else None


def _together(calls: list[Any]) -> Iterator[dict[str, Any]]:
    """What the calls give, several of which wait at a time."""
    if len(calls) <= 1:
        for call in calls:
            yield from call()
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda call: call(), calls):
            yield from found


class S3Object:
    """An object, of the version that was listed. What fl.scan() reads."""

    __slots__ = ("bucket", "etag", "has_been_read", "key", "size")
    is_fetched = True

    def __init__(self, bucket: Bucket, key: str, etag: str, size: int) -> None:
        self.bucket, self.key, self.etag, self.size = bucket, key, etag, size
        self.has_been_read = False

    @property
    def name(self) -> str:
        return f"s3://{self.bucket.name}/{self.key}"

    def open(self) -> _Reader:
        # A Parquet file is read by position: of its content in order, its mark is enough.
        return _Reader(self, 0, min(self.size, _PARQUET_HEAD) if self.key.endswith(".parquet") else self.size)

    def file(self) -> _File:
        """For what reads by position."""
        return _File(self)


class _Reader:
    """The bytes of an object from begin to end, asked for anew from where an answer broke off."""

    def __init__(self, of: S3Object, begin: int, end: int) -> None:
        self._of, self._at, self._end = of, begin, end
        self._body: Any = None
        self._left = 0  # of the body
        self._failures = 0
        self._stopped = threading.Event()

    def readinto(self, view: memoryview) -> int:
        """How many bytes came; 0 at the end. Raises AwsError."""
        while self._at < self._end:
            if self._stopped.is_set():
                raise AwsError("stopped")
            try:
                if self._body is None:
                    self._ask()
                n = self._fill(view[: self._left])
                if n > 0:
                    self._at += n
                    self._left -= n
                    self._failures = 0
                    self._of.has_been_read = True
                    if self._left == 0:
                        self._finish()
                    return n
                raise Again("the answer broke off")
            except Exception as error:
                self._close()
                self._wait(error)
        return 0

    def stop(self) -> None:
        """Of another thread: readinto() gives up."""
        self._stopped.set()
        body = self._body
        try:
            body.shutdown()
        except Exception:
            pass  # nothing is being read, or it is not known how to end it: then its timeout does

    def _ask(self) -> None:
        of = self._of
        end = min(self._end, _HEAD_BYTES) if self._at == 0 and of.size > _LARGE else self._end
        answer = of.bucket.asker.get(of.key, self._at, end, of.etag, careful=self._failures > 0)
        self._body, self._left = answer.raw, answer.length
        begin = re.match(r"bytes (\d+)-", answer.range or "bytes 0-")
        if (answer.etag or of.etag) != of.etag or begin is None or int(begin[1]) != self._at:
            raise AwsError(_CHANGED)
        self._left = min(self._left, self._end - self._at)

    def _fill(self, view: memoryview) -> int:
        # Past urllib3, which would copy twice: it has no compression to undo, and no chunks.
        inner = getattr(self._body, "_fp", None)
        if isinstance(inner, http.client.HTTPResponse) and not inner.chunked:
            return inner.readinto(view)
        piece = self._body.read(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def _finish(self) -> None:
        """The body is read: its connection can be used again."""
        inner = getattr(self._body, "_fp", None)
        if isinstance(inner, http.client.HTTPResponse) and inner.isclosed():
            self._body.release_conn()
            self._body = None
        else:
            self._close()

    def _close(self) -> None:
        body, self._body, self._left = self._body, None, 0
        if body is not None:
            body.close()

    def __del__(self) -> None:
        self._close()

    def _wait(self, error: Exception) -> None:
        """Before the next try; raises what cannot be mended."""
        from botocore import exceptions as boto  # type: ignore[import-untyped,import-not-found,unused-ignore]

        if self._stopped.is_set():
            raise AwsError("stopped") from None
        again = isinstance(error, (Again, OSError, http.client.HTTPException, boto.HTTPClientError,
                                   boto.IncompleteReadError)) or type(error).__module__.startswith("urllib3")  # fmt: skip
        if isinstance(error, boto.ClientError):
            code, status = code_of(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if code in ("PreconditionFailed", "412", "InvalidRange", "416"):
                self._take_new_version()
                return
            if code in ("NoSuchKey", "404"):
                raise AwsError("it is not there any more; scan again") from None
            if code == "InvalidObjectState":
                raise AwsError("it is archived: restore it first (aws s3api restore-object)") from None
            again = status >= 500 or status == 429 or code in ("SlowDown", "RequestTimeout", "Throttling")
        if isinstance(error, AwsError):
            raise error
        what = explained(error, "s3", "read it") if type(error).__module__.startswith("boto") else error
        if not again:
            raise what from None
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise AwsError(f"{what} (at byte {self._at}, {self._failures} times in a row); run it again later") from None
        self._stopped.wait(min(8.0, _PAUSE * 2**self._failures) * random.uniform(0.5, 1.0))

    def _take_new_version(self) -> None:
        of = self._of
        if of.has_been_read or self._at > 0:
            raise AwsError(_CHANGED)
        # Nothing of the version that was listed has been seen: the new one is as good.
        with told("look at it", "s3"):
            now = of.bucket.client.head_object(Bucket=of.bucket.name, Key=of.key)
        whole = self._end == of.size
        of.etag, of.size = now["ETag"], now["ContentLength"]
        self._end = of.size if whole else min(self._end, of.size)
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise AwsError(_CHANGED)


_CHANGED = "it was changed since it was listed; scan again"


class _File:
    """An object as a file that is read by position."""

    closed = False

    def __init__(self, of: S3Object) -> None:
        self._of, self._at = of, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0 if whence == 0 else self._at if whence == 1 else self._of.size)
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._of.size if size is None or size < 0 else min(self._of.size, self._at + size)
        if end <= self._at:
            return b""
        data = bytearray(end - self._at)
        view, have = memoryview(data), 0
        reader = _Reader(self._of, self._at, end)
        while have < len(data):
            n = reader.readinto(view[have:])
            if n == 0:
                raise AwsError(_CHANGED)
            have += n
        self._at = end
        return bytes(data)

    def close(self) -> None:
        self.closed = True

    def flush(self) -> None:
        pass
