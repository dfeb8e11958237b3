"""AWS VPC and transit gateway flow logs of every version, read at the speed of memory.

    import flowlogs as fl

    logs = fl.scan("logs/*.log.gz")                          # lazy: paths, globs, "-", bytes, Arrow, lists of these
    print(logs.summary())                                    # what is in there
    top = (logs.filter("action = 'REJECT'").group_by("srcaddr")
               .agg(bytes=fl.sum("bytes"), flows=fl.count(), ports=fl.distinct("dstport"))
               .sort("bytes", descending=True).head(10).collect())
    top["srcaddr"], top[0], top.to_dicts(), top.stats         # a column, a row, all rows, what the run saw
    for record in logs.records(): record.srcaddr, record["pkt-srcaddr"], record.to_dict()
    fl.parse(line).to_dict()                                 # one line

Filters, keys and aggregates are text, in the same language as the command `flowlogs` and C++. Errors are fl.Error and
its kinds: FormatError, ExpressionError, ParseError, ArgumentError (ValueErrors too), InputError (an OSError too),
LimitError.
"""

from __future__ import annotations

import os

from . import _core
from ._core import (
    ArgumentError,
    EnrichmentTable,
    Error,
    ExpressionError,
    Format,
    FormatError,
    InputError,
    InputLimitError,
    LimitError,
    ParseError,
    Query,
    Record,
    Run,
    Stats,
    Table,
    __version__,
    collect_all,
    fields,
    parse,
)
from . import methods as _methods  # noqa: F401 (the verbs become methods of Query)
from .synth import generate

TYPE_CHECKING = False  # typing is not loaded for it
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Literal, Protocol, Union

    from typing_extensions import Buffer

    from .inventory import Known

    class ArrowStreamExportable(Protocol):
        def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

    Path = Union[str, "os.PathLike[str]", "os.PathLike[bytes]"]
    class File(Protocol):
        def read(self, size: int, /) -> Buffer: ...

    OneSource = Union[Path, Buffer, ArrowStreamExportable, File]
    Source = Union[OneSource, Iterable[OneSource]]
    OneTable = Union[Path, EnrichmentTable]
    Enrich = Union[OneTable, Iterable[OneTable], Mapping[str, OneTable]]

__all__ = [
    "ArgumentError",
    "EnrichmentTable",
    "Error",
    "ExpressionError",
    "Format",
    "FormatError",
    "InputError",
    "InputLimitError",
    "LimitError",
    "ParseError",
    "Query",
    "Record",
    "Run",
    "Stats",
    "Table",
    "__version__",
    "collect_all",
    "count",
    "distinct",
    "fields",
    "generate",
    "max",
    "mean",
    "min",
    "parse",
    "scan",
    "sum",
]


_LIMITS = (
    "block_bytes",
    "max_line_bytes",
    "max_inflated_bytes",
    "max_inflate_ratio",
    "max_event_bytes",
    "max_group_bytes",
)


def scan(
    source: Source,
    *,
    format: Format | str | Iterable[str] | None = None,
    threads: int | None = None,
    on_error: Literal["report", "raise", "skip"] = "report",
    sets: Mapping[str, Iterable[object]] | None = None,
    internal: Iterable[object] | str | None = None,
    progress: Callable[[int, int, int], object] | None = None,
    mmap: bool = False,
    since: str | int | None = None,
    until: str | int | None = None,
    accounts: Iterable[str] | str = (),
    regions: Iterable[str] | str = (),
    aws: Any = None,
    inventory: Known | None = None,
    enrich: Enrich | None = None,
    **limits: int,
) -> Query:
    """A plan that reads every record of the source. Nothing is opened before the plan runs.

    source      a path (str or os.PathLike), a directory, a glob, "-" for standard input, s3://BUCKET/PREFIX (an object, a
                folder, a glob), cloudwatch://GROUP or cloudwatch://GROUP?stream=NAME, the content itself (bytes,
                bytearray, memoryview or any other contiguous buffer, which is not copied), a file that is open for bytes,
                rows of Arrow, or a list of these. Text, what AWS wraps around it (CloudWatch payloads, Lambda, Kinesis and
                Firehose events, API results, CSV of the console, records in JSON), gzip or zstd, in one another, told by
                content, and of paths Parquet (see below): a Lambda handler scans json.dumps(event).encode(). A directory is
                all files below it, sorted by their paths, but those whose names, or whose directories' names, begin with "."
                or "_". A file is whatever has read(size),
                which gives bytes: open(path, "rb"), io.BytesIO, gzip.open(path), a socket's makefile("rb"), a response of
                urllib. It is read from where it stands, once, by the thread that runs the query; what read() raises ends
                it as damage. Rows of Arrow are what has __arrow_c_stream__: a pyarrow Table or RecordBatchReader, a polars
                or pandas DataFrame, a DuckDB relation, a flowlogs Table or Query.
    format      of inputs without a header: a Format, a str such as "${version} ${srcaddr}", or a list of names. A
                header beats it. Without both, lines of 14 values are the VPC default, of 36 that of transit gateways.
    threads     worker threads; None: the CPUs that this process may use, the calling thread alone for up to 2 MB.
    on_error    "report": lines that are no record are counted in stats; an input that is damaged ends there, and
                collect() raises InputError at the end, carrying .table. "skip": as "report", but the table is returned.
                "raise": ParseError at the first problem or bad value.
    sets        what `in @name` means in filters: {"bad": ["198.51.100.7", "203.0.113.0/24"]}.
    internal    prefixes that are `internal`: ["10.0.0.0/8"]; None: the VPCs of the inventory, else the addresses seen as an
                interface's own.
    inventory   what `flowlogs aws inventory -o DIR` wrote: a directory, a list of them, or a flowlogs.inventory.Inventory. Its
                things are sets by their ids and names: "dst in @web-1" (sets= goes before), its VPCs are `internal`; what it
                says of ids and addresses stands behind them in every query: interface-id.name, srcaddr.instance.
    enrich      tables whose columns stand behind addresses and ids in every query, as srcaddr.asn: a file or a list of files
                (AWS's ip-ranges.json, CSV, .mmdb), EnrichmentTables; or a dict of names, {"geo": FILE}, which stand before the
                columns: srcaddr.geo.country (docs/enrichment.md).
    progress    called with (done_bytes, total_bytes, records) while a run goes on, at most ten times a second and at the
                end of the inputs: bytes as stored, total 0 if a pipe is among them. By the thread that runs it (not if
                that is a consumer of an Arrow stream, in a thread of its own). What it raises ends the run, and is
                raised.
    mmap        whether plain files are mapped into memory instead of read, which is faster where the page cache holds them
                in large pieces. A file that becomes shorter while it is mapped ends the process with SIGBUS.
    since, until    only records that end at since or later, and begin before until: ISO 8601, epoch seconds, or "2h" for two
                hours ago. Of AWS's sources, what cannot hold such records is not fetched (docs/aws.md).
    accounts, regions    of s3:// sources, only objects whose keys tell none but these.
    aws         who reads s3:// and cloudwatch:// sources: a flowlogs.aws.Session, a boto3.Session, or its arguments as
                {"profile": ..., "region": ..., "role_arn": ..., "endpoint_url": ...}; None: what boto3 finds.
    limits      max_line_bytes (1 MiB): a longer line is a problem. max_inflated_bytes (none) and max_inflate_ratio (1000)
                of one compressed input, max_event_bytes (64 MiB) of one envelope, inflated: the input ends there, as damage
                that is a LimitError, too (InputLimitError). max_group_bytes (half of the memory that the process may
                use): a run whose groups, distinct values and sketches take more ends with LimitError; at its end up to as
                much again is used for a moment. Fixed: a format has at most 256 fields, a pattern of `~` takes 8 MiB.

    Columns of Arrow are found by name, with underscores or hyphens, and a row counts as a line: all answers are those of
    a log with the same values, and stats.bytes is 0. A number may be of any width, a whole float or decimal, or text; an
    address is text; start and end may be timestamps or dates; null, "-", "" and "None" are missing. Other columns are
    text, but nested and boolean ones are left out. What has a length is asked for a new stream by each run; any other
    object can be read once, and is held in memory by a query that reads its input twice.

    Parquet files are read as rows of Arrow by pyarrow, else duckdb, else polars: pip install 'flowlogs[frames]'. Of a query
    that names its columns only those are read, row group by row group (polars reads them as a whole).

    Besides fields and derived columns every query can name where records come from: _source, _line; _log_group,
    _log_stream, _event_id, _owner (by envelopes of CloudWatch), _event_time (milliseconds since 1970, an int; also by the
    time before each line of an export), _account, _region, _flow_log_id, _log_stream (also by the names that AWS gives to
    files, folders and keys). They are null where nothing tells them, and no columns of an answer unless they are named.

    Raises FormatError, ArgumentError (a number out of range, a source or an option that is not supported), TypeError.
    """
    for name in limits:
        if name not in _LIMITS:
            raise TypeError(f"scan() has no argument or limit {name!r}; there are {', '.join(_LIMITS[1:])}")
    sources = [source] if _is_source(source) else _each(source)
    window = _window(since, until)
    files = [id(item) for item in sources if _is_file(item)]
    if len(files) > len(set(files)):
        raise ArgumentError("scan: a file object is given twice; it can be read once: give it once")
    named: dict[str, list[Any]] = {name: list(values) for name, values in (sets or {}).items()}
    prefixes = [internal] if isinstance(internal, str) else list(internal or [])
    tables = _tables(enrich)
    if inventory is not None:
        from . import inventory as things

        known = things.read(inventory)
        named, prefixes = {**known.sets, **named}, prefixes or known.internal
        tables = [*tables, *known.tables]
    caller: list[Any] = []  # made when it is first needed

    def fetched(url: Any) -> list[Any]:
        if not isinstance(url, str):
            return [(url, url.name, url.size)]
        from .aws import sources as remote

        caller[:] = caller or [remote.session_of(aws)]
        found = remote.find(url, caller[0], window, _texts(accounts), _texts(regions), format is not None)
        return [(item, item.name, item.size) for item in found]

    query = _core._scan(
        [item for each in sources for item in (fetched(each) if _is_remote(each) else [_to_core(each)])],
        format=format,
        threads=threads,
        on_error=on_error,
        sets=named,
        internal=prefixes,
        enrich=tables,
        progress=progress,
        mmap=mmap,
        limits=limits,
    )
    return window.filter(query)


def count(column: str | None = None) -> str:
    """Names the aggregate count(), the number of records, or count(column), the number of its present values."""
    return f"count({column or ''})"


def sum(column: str) -> str:
    """Names the aggregate sum(column); null when no value is present."""
    return f"sum({column})"


def min(column: str) -> str:
    """Names the aggregate min(column); null when no value is present."""
    return f"min({column})"


def max(column: str) -> str:
    """Names the aggregate max(column); null when no value is present."""
    return f"max({column})"


def mean(column: str) -> str:
    """Names the aggregate mean(column); null when no value is present."""
    return f"mean({column})"


def distinct(column: str) -> str:
    """Names the aggregate distinct(column), the exact number of different present values."""
    return f"distinct({column})"


def __getattr__(name: str) -> Any:
    """The parts that have names of their own to call are loaded when they are first asked for."""
    if name in ("aws", "detect", "enrichment", "evidence", "inventory", "lab", "watch"):
        from importlib import import_module

        return import_module(f"flowlogs.{name}")
    raise AttributeError(f"module 'flowlogs' has no attribute {name!r}")


def _is_buffer(source: object) -> bool:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return True
    try:
        memoryview(source).release()  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _is_arrow(source: object) -> bool:
    return hasattr(source, "__arrow_c_stream__") and not isinstance(source, type)


def _is_file(source: object) -> bool:
    return hasattr(source, "read") and not isinstance(source, (str, os.PathLike)) and not _is_buffer(source)


def _is_source(source: object) -> bool:
    return isinstance(source, (str, os.PathLike)) or _is_remote(source) or _is_arrow(source) or _is_buffer(source) or _is_file(source)


def _reader(file: Any) -> tuple[Any, str]:
    """How bytes are read from the file, and its name."""
    import io

    if isinstance(file, io.TextIOBase):
        raise TypeError('scan() takes files that are open for bytes; this one is open for text: open it with "rb"')
    # read1() gives what is there; read() may wait until all that was asked for is.
    has_read1 = isinstance(file, io.BufferedIOBase) and type(file).read1 is not io.BufferedIOBase.read1
    name = getattr(file, "name", None)
    return file.read1 if has_read1 else file.read, name if isinstance(name, str) else "<file>"


def _each(source: Any) -> list[Any]:
    try:
        return list(source)
    except TypeError:
        raise TypeError(f"scan() takes a path, bytes, or a list of them, not {type(source).__name__}") from None


def _is_remote(source: Any) -> bool:
    if not isinstance(source, str):
        return hasattr(type(source), "is_fetched")  # of flowlogs.aws
    return source.startswith(("s3://", "cloudwatch://")) and not os.path.exists(source)


def _texts(value: Iterable[str] | str) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _tables(enrich: Any) -> Any:
    if not enrich:
        return []
    from . import enrichment

    return enrichment.tables(enrich)


def _window(since: str | int | None, until: str | int | None) -> Any:
    from . import windows

    return windows.Window(*(value if isinstance(value, int) or value is None else windows.parse_time(value) for value in (since, until)))


def _refuse_half_a_url(source: str) -> None:
    """cloudwatch:/GROUP is how `aws enable` is told a destination; s3:/BUCKET is a slip. Raises ArgumentError."""
    scheme, colon, rest = source.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("s3", "cloudwatch") or os.path.exists(source):
        return
    rest = rest.lstrip("/") if scheme == "s3" else rest[2:] if rest.startswith("//") else rest
    raise ArgumentError(f"scan: '{source}' is no file and no URL; did you mean {scheme}://{rest}?")


def _to_core(source: Any) -> Any:
    """What _core takes: a path and an Arrow object as they are, a buffer as a tuple of one, a file as a tuple of two."""
    if isinstance(source, os.PathLike):
        return os.fspath(source)
    if isinstance(source, str):
        scheme = source.partition("://")[0] if "://" in source else ""
        if scheme in ("http", "https") and not os.path.exists(source):
            raise ArgumentError(f"scan: {scheme}:// sources are not read: {source}; fetch it first and give the path")
        _refuse_half_a_url(source)
        return source
    if _is_arrow(source):
        return source
    if _is_buffer(source):
        return (source,)
    if _is_file(source):
        return _reader(source)
    raise TypeError(f"scan() takes a path, bytes, or a list of them; in the list is {type(source).__name__}")
