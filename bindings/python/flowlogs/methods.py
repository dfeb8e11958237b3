"""The verbs as methods of Query (CONTRACT P8). What is behind a method is loaded when it is called."""

from __future__ import annotations

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from typing import BinaryIO, Union

    from .conversations import Conversations
    from .diff import Diff
    from .timeline import Timeline
    from .who import Who

    Target = Union[str, "os.PathLike[str]", BinaryIO]


def who(self: _core.Query, subject: str, *, limit: int = 10) -> Who:
    """Everything about one address, prefix or id, in one pass: what it is (a server or a client of which services), when
    and where it was seen, what it sent and received, its peers, and what became of its conversations.

        print(logs.who("10.0.0.5"))

    subject  an address, a prefix ("10.0.0.0/16"), an id (eni-, i-, subnet-, vpc-, nat-, tgw-, tgw-attach-) or an account
    limit    at most so many services, peers and interfaces

    Gives a Who, which is a dict and prints as a report. Raises ArgumentError if no input has the id's field, and as
    collect() does; InputError.table is then the Who of what was read.
    """
    from . import who as module

    return module.who(self, subject, limit=limit)


def conversations(
    self: _core.Query, *, limit: int | None = 20, ports: bool = False, state: str | None = None
) -> Conversations:
    """Who talked to whom, both directions together, and what became of it, in one pass: answered, rejected, no reply,
    no request, reset. The largest first.

        logs.filter("server_port = 443").conversations(state="no reply").rows

    limit  at most so many rows; None: all
    ports  each connection on its own, with the client's port, instead of all of a client to a server's port together
    state  only those; the counts are of all

    Gives a Conversations, which is a dict and prints as a table; to_table() for DataFrames. Raises as collect() does.
    """
    from . import conversations as module

    return module.conversations(self, limit=limit, ports=ports, state=state)


def timeline(
    self: _core.Query,
    *,
    bin: str | int = "auto",
    by: str | None = None,
    limit: int = 5,
    since: int | None = None,
    until: int | None = None,
) -> Timeline:
    """Bytes, packets and records over time, in one pass. A record's bytes and packets are spread evenly over its time, so
    that long ones are no spikes, and all sums stay exact.

        logs.timeline(bin="5m", by="action").series

    bin    "30s", "5m", "1h", "1d", seconds, or "auto"
    by     a key such as "action", "service" or "prefix(srcaddr, 16)": a series for each value of it
    limit  at most so many series; what is left is one more
    since, until  bins only from and before these seconds since 1970; filter by time as well, or a lot lies outside

    Gives a Timeline, which is a dict and prints as a chart; to_table() for DataFrames. Raises as collect() does.
    """
    from . import timeline as module

    return module.timeline(self, bin=bin, by=by, limit=limit, since=since, until=until)


def diff(
    self: _core.Query,
    after: _core.Query,
    *,
    by: str | Iterable[str] | None = None,
    measure: str = "bytes",
    factor: float = 2.0,
    min: int = 0,
    rate: bool = False,
    limit: int | None = 20,
) -> Diff:
    """What changed from this query's records to those of `after`: keys that are new, gone, grown or shrunk. One pass if
    both are of the same scan.

        logs.filter("start < -1d").diff(logs.filter("start >= -1d"), by="srcaddr, service")

    by       keys; server and service if the logs have ports, else srcaddr
    measure  "bytes", "packets" (both counted once) or "records"
    factor   grown and shrunk are keys that changed by this factor at least
    min      keys with less on both sides are left out
    rate     compare rates instead of amounts, for times of different length
    limit    at most so many rows, those with the largest difference; None: all

    Gives a Diff, which is a dict and prints as a table; to_table() for DataFrames. Raises as collect() does.
    """
    from . import diff as module

    return module.diff(self, after, by=by, measure=measure, factor=factor, min=min, rate=rate, limit=limit)


def convert(
    self: _core.Query,
    output: Target,
    *,
    format: str | None = None,
    fields: Iterable[str] | None = None,
) -> _core.Stats:
    """Writes the records as NDJSON, CSV, TSV or Parquet (which needs pyarrow), in bounded memory, and gives the Stats.

        logs.convert("flows.parquet")

    output  a path, or a file open for bytes
    format  "ndjson", "csv", "tsv" or "parquet"; None: as the path ends
    fields  columns and keys; None: all fields that the inputs begin with

    Names have underscores and types are int32, int64 and string, as in AWS's Parquet. Raises as collect() does.
    """
    from . import convert as module

    return module.convert(self, output, format=format, fields=fields)


for _method in (who, conversations, timeline, diff, convert):
    _method.__qualname__ = f"Query.{_method.__name__}"
    setattr(_core.Query, _method.__name__, _method)
