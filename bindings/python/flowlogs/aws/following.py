"""What is new in a bucket or a log group since it was last looked at: each object, each event once."""

from __future__ import annotations

import time
from typing import Any

from ..windows import Window
from . import events, objects, sources
from .errors import AwsError, SourceError
from .session import Session


class Objects:
    """Of an s3:// URL. Keys are known by their names: AWS writes a new object for what is new."""

    lag = "S3 usually lags 10 min"

    def __init__(self, session: Session, url: str, accounts: list[str], regions: list[str]) -> None:
        name, self._path = sources.bucket_of(url)
        self._bucket = objects.Bucket(session, name)
        self._of = (accounts, regions)
        self._known: dict[str, str] = {}  # ETags by key, as far back as is looked

    def _list(self, since: float) -> list[objects.S3Object]:
        return self._bucket.newer(self._path, objects.Wanted(Window(int(since), None), *self._of))

    def new(self) -> tuple[list[Any], list[str]]:
        """Sources of what has come, and what is to be said: objects that were changed after they were read."""
        found = self._list(time.time() - 2 * objects.LATE)
        changed = [item for item in found if self._known.get(item.key, item.etag) != item.etag]
        fresh = [item for item in found if item.key not in self._known]
        self._known = {item.key: item.etag for item in found}
        return fresh, [f"{item.name}: it was changed after it was read; it is not read again" for item in changed]

    def older(self, seconds: int) -> list[Any]:
        """Sources of what was there before, for so long back."""
        return [item for item in self._list(time.time() - seconds) if item.key not in self._known]


class Events:
    """Of a cloudwatch:// URL. Each look goes back by half an hour, since events come late, and knows those that it has seen
    by their ids.
    """

    lag = "CloudWatch usually lags 5 min"
    _BACK = 1800

    def __init__(self, session: Session, url: str, has_format: bool, may_come: bool) -> None:
        """may_come: a stream that is not there yet is waited for."""
        name, self._names = sources.group_of(url)
        self._group, self._has_format = events.Group(session, name), has_format
        self._seen: dict[str, int] = {}  # times of events, by id
        self._began = int(time.time()) - self._BACK
        self._writers: dict[str, events.Documents] = {}
        # Whether the group is there, and the streams that are named.
        if not self._group.streams(self._names or ["?"]) and self._names and not may_come:
            raise self._group.without_streams(self._names)

    def new(self) -> tuple[list[Any], list[str]]:
        since = max(self._began, int(time.time()) - self._BACK) * 1000
        self._seen = {name: at for name, at in self._seen.items() if at >= since}
        streams = self._streams(since)
        fresh: dict[str, list[dict[str, Any]]] = {}
        for i in range(0, len(streams), 100):  # so many AWS takes in a call
            token: str | None = None
            while True:
                page = self._group.page(streams[i : i + 100], since, None, token)
                for event in page.get("events", []):
                    if event["eventId"] not in self._seen:
                        self._seen[event["eventId"]] = event["timestamp"]
                        fresh.setdefault(event["logStreamName"], []).append(event)
                last, token = token, page.get("nextToken")
                if token is None:
                    break
                if token == last:
                    raise AwsError(f"{self._group.name}: the answer's next page is the same page; run it again")
        self._learn(fresh)
        return [b"".join(self._writers[name].write(found) for name, found in fresh.items())] if fresh else [], []

    def _streams(self, since: int) -> list[str]:
        found = self._group.streams(self._names)
        return [item["logStreamName"] for item in found if not events._ended_before(item, since - events._STALE * 1000)]

    def _learn(self, streams: Any) -> None:
        unknown = [name for name in streams if name not in self._writers]
        if not unknown:
            return
        formats = None if self._has_format else events.Formats(self._group, unknown)
        for name in unknown:
            self._writers[name] = events.Documents(self._group.name, formats.of(name) if formats else ())

    def older(self, seconds: int) -> list[Any]:
        now = int(time.time())
        if now - seconds >= self._began:
            return []
        try:
            found = list(self._group.find(self._names, Window(now - seconds, self._began), self._has_format))
        except SourceError:
            return []
        for stream in found:
            stream._until = self._began * 1000 - 1  # the rest is new()'s
        return found
