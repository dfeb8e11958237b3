"""cloudwatch://GROUP as a source: its streams, the formats that they are in, and their events, page by page."""

from __future__ import annotations

import fnmatch
import json
import threading
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from .. import _core
from ..windows import Window
from . import facts
from .errors import AccessError, AwsError, SourceError, SourceWarning, explained
from .session import Session

# An event's time is its record's start, which is before its end by an interval at most, and up to a minute off.
SLACK = 900
# What DescribeLogStreams says of a stream's newest event may be hours old.
_STALE = 86400
_PLAIN = " !$'()*,/:@[]^`{|}~"  # what a stream's name may have, and a URL's query need not write as %NN
_PAGE_EVENTS = 10_000
_DOCUMENT_EVENTS = 500  # a document of JSON that the engine reads at a time


class Format(NamedTuple):
    """fields: as a header has them; ids: the flow logs that write it."""

    fields: tuple[str, ...]
    ids: tuple[str, ...]

    @property
    def header(self) -> str:
        return " ".join(self.fields)


class Group:
    """A log group, as a caller sees it."""

    def __init__(self, session: Session, name: str) -> None:
        self.session, self.name = session, name
        # AWS allows some calls a second for an account and region: the client slows down by itself as they are refused.
        self.client = session.client("logs", total_max_attempts=10, retry_mode="adaptive", max_pool_connections=32)

    def find(self, names: list[str], window: Window, has_format: bool) -> Iterator[LogStream]:
        """The streams of these names (globs; none: all) that may hold records of the window, sorted bytewise."""
        found = sorted(self.streams(names), key=lambda item: item["logStreamName"].encode())
        if not found:
            raise self.without_streams(names)
        formats = Formats(self, [item["logStreamName"] for item in found]) if not has_format else None
        since = None if window.since is None else (window.since - SLACK) * 1000
        until = None if window.until is None else (window.until + SLACK) * 1000
        wanted = [item for item in found if since is None or not _ended_before(item, since - _STALE * 1000)]
        for item in wanted or found[:1]:
            name = item["logStreamName"]
            yield LogStream(self, name, formats.of(name) if formats else (), since, until)

    def without_streams(self, names: list[str]) -> SourceError:
        which = f"no stream {' or '.join(names)}" if names else "no stream: no record has arrived yet"
        return SourceError(f"cloudwatch://{self.name}: it has {which}; `flowlogs aws streams {self.name}` tells those there are")

    def streams(self, names: Iterable[str] = ()) -> list[dict[str, Any]]:
        """As DescribeLogStreams gives them. names: globs, or none for all."""
        names = list(names)
        step = f"list the streams of {self.name}"
        pages = self.session.pages("logs", "describe_log_streams", "logStreams", step, logGroupName=self.name)
        return [
            item for item in pages if not names or any(_matches(item["logStreamName"], name) for name in names)
        ]

    def page(self, streams: list[str], since: int | None, until: int | None, token: str | None) -> dict[str, Any]:
        """One answer of FilterLogEvents. since, until: milliseconds; streams: none for all."""
        arguments: dict[str, Any] = {"logGroupName": self.name, "limit": _PAGE_EVENTS}
        if streams:
            arguments["logStreamNames"] = streams
        if since is not None:
            arguments["startTime"] = max(0, since)
        if until is not None:
            arguments["endTime"] = max(0, until)
        if token is not None:
            arguments["nextToken"] = token
        try:
            return dict(self.client.filter_log_events(**arguments))
        except Exception as error:
            if not type(error).__module__.startswith(("botocore", "boto3")):
                raise
            raise explained(error, "logs", f"read the events of {self.name}") from None


def _matches(stream: str, name: str) -> bool:
    return stream == name or fnmatch.fnmatchcase(stream, name)


def _ended_before(item: dict[str, Any], since: int) -> bool:
    last = [item[key] for key in ("lastEventTimestamp", "lastIngestionTime") if item.get(key)]
    return bool(last) and max(last) < since


class Formats:
    """In which formats the streams of a group are, by what DescribeFlowLogs says."""

    def __init__(self, group: Group, streams: list[str]) -> None:
        self._group = group
        self._resources: dict[str, set[str]] = {}  # of an interface: itself, its subnet, its VPC
        try:
            logs = [log for log in facts.flow_logs(group.session) if log.destination.name == group.name
                    and log.destination.kind == "cloudwatch" and log.format]  # fmt: skip
        except AccessError as error:
            _warn(f"cloudwatch://{group.name}: its format is told by its records alone: {error}")
            logs = []
        self._logs = logs
        if len({tuple(log.fields) for log in logs}) > 1:
            self._look_at(streams)

    def of(self, stream: str) -> tuple[Format, ...]:
        """The formats that its messages can be in; the newest flow log's first. (): it is not known."""
        interface, _, traffic = stream.rpartition("-")
        if traffic not in ("all", "accept", "reject"):
            interface, traffic = stream, ""
        logs = self._logs
        if interface in self._resources:
            logs = [log for log in logs if log.resource in self._resources[interface]] or logs
        # An interface in several flow logs of a group may have one stream for them all: the name is a hint.
        logs = [log for log in logs if traffic and (log.traffic or "ALL").lower() == traffic] or logs
        found: dict[tuple[str, ...], list[str]] = {}
        for log in reversed(logs):
            found.setdefault(tuple(log.fields), []).append(log.id)
        return tuple(Format(fields, tuple(ids)) for fields, ids in found.items())

    def _look_at(self, streams: list[str]) -> None:
        """Which subnets and VPCs the interfaces are in."""
        session = self._group.session
        for name in streams:
            if name.startswith("tgw-"):
                self._resources[name.rpartition("-")[0] or name] = {name.rpartition("-")[0], name}
        try:
            for item in session.pages("ec2", "describe_network_interfaces", "NetworkInterfaces",
                                      "tell which flow log an interface belongs to"):  # fmt: skip
                eni = item["NetworkInterfaceId"]
                self._resources[eni] = {eni, item.get("SubnetId", ""), item.get("VpcId", "")}
        except AccessError as error:
            _warn(f"cloudwatch://{self._group.name}: several flow logs of different formats write into it: {error}")


def _warn(text: str) -> None:
    warnings.warn(text, SourceWarning, stacklevel=2)


class LogStream:
    """A stream of a group, in a window of time (milliseconds). What fl.scan() reads."""

    __slots__ = ("_formats", "_group", "_since", "_stream", "_until")
    is_fetched = True
    size = 0  # it is not known

    def __init__(self, group: Group, stream: str, formats: tuple[Format, ...], since: int | None, until: int | None) -> None:
        self._group, self._stream, self._formats = group, stream, formats
        self._since, self._until = since, until

    @property
    def name(self) -> str:
        return f"cloudwatch://{self._group.name}?stream={quote(self._stream, safe=_PLAIN)}"

    def open(self) -> _Reader:
        return _Reader(self)

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        token = None
        while True:
            page = self._group.page([self._stream], self._since, self._until, token)
            yield page.get("events", [])
            last, token = token, page.get("nextToken")
            if token is None:
                return
            if token == last:
                raise AwsError("the answer's next page is the same page: it would never end; run it again")


class _Reader:
    """The events of a stream as documents of JSON, as FilterLogEvents answers, with the format that they are in."""

    def __init__(self, stream: LogStream) -> None:
        self._pages = stream._pages()
        self._writer = Documents(stream._group.name, stream._formats)
        self._text = memoryview(b"")
        self._stopped = threading.Event()

    def readinto(self, view: memoryview) -> int:
        while not self._text:
            if self._stopped.is_set():
                raise AwsError("stopped")
            page = next(self._pages, None)
            if page is None:
                return 0
            self._text = memoryview(self._writer.write(page))
        n = min(len(view), len(self._text))
        view[:n] = self._text[:n]
        self._text = self._text[n:]
        return n

    def stop(self) -> None:
        self._stopped.set()


class Documents:
    """Events of one stream written as JSON, those of each format under its name."""

    def __init__(self, group: str, formats: tuple[Format, ...]) -> None:
        self._group, self._formats = group, formats
        self._current = formats[0] if formats else None

    def write(self, events: list[dict[str, Any]]) -> bytes:
        """Raises AwsError where the format of a message cannot be told."""
        if len(self._formats) < 2:
            return self._document(self._current, events)
        # Messages of several flow logs, in one stream: those of a page go by format.
        parts: dict[Format | None, list[dict[str, Any]]] = {}
        for event in events:
            parts.setdefault(self._format_of(event.get("message", "")), []).append(event)
        return b"".join(self._document(format, some) for format, some in parts.items())

    def _format_of(self, message: str) -> Format | None:
        count = len(message.split())
        fitting = [format for format in self._formats if len(format.fields) == count]
        if len(fitting) > 1:
            fitting = [format for format in fitting if _is_record(message, format)] or fitting
        if len(fitting) > 1:
            told = " and ".join(f"{', '.join(format.ids)} ({format.header})" for format in fitting)
            raise AwsError(f"its messages of {count} values are in the format of {told}: which, cannot be told; "
                           "give the format: --format, format=")  # fmt: skip
        return fitting[0] if fitting else self._current

    def _document(self, format: Format | None, events: list[dict[str, Any]]) -> bytes:
        head = {"logGroup": self._group, **({"logFormat": format.header} if format else {})}
        dumps = json.JSONEncoder(separators=(",", ":")).encode
        return b"".join(
            (dumps({**head, "events": events[i : i + _DOCUMENT_EVENTS]}) + "\n").encode()
            for i in range(0, len(events), _DOCUMENT_EVENTS)
        )


def _is_record(message: str, format: Format) -> bool:
    try:
        _core.parse(message, _core.Format.parse(format.header))
    except _core.ParseError:
        return False
    return True
