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
    Error,
    ExpressionError,
    Format,
    FormatError,
    InputError,
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
    from collections.abc import Iterable, Mapping
    from typing import Any, Literal, Protocol, Union

    from typing_extensions import Buffer

    class ArrowStreamExportable(Protocol):
        def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

    Path = Union[str, "os.PathLike[str]", "os.PathLike[bytes]"]
    OneSource = Union[Path, Buffer, ArrowStreamExportable]
    Source = Union[OneSource, Iterable[OneSource]]

__all__ = [
    "ArgumentError",
    "Error",
    "ExpressionError",
    "Format",
    "FormatError",
    "InputError",
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


_LIMITS = ("block_bytes", "max_line_bytes", "max_inflated_bytes", "max_inflate_ratio")


def scan(
    source: Source,
    *,
    format: Format | str | Iterable[str] | None = None,
    threads: int | None = None,
    on_error: Literal["report", "raise", "skip"] = "report",
    sets: Mapping[str, Iterable[object]] | None = None,
    internal: Iterable[object] | str | None = None,
    progress: None = None,
    **limits: int,
) -> Query:
    """A plan that reads every record of the source. Nothing is opened before the plan runs.

    source      a path (str or os.PathLike), a glob, "-" for standard input, the content itself (bytes, bytearray,
                memoryview or any other contiguous buffer, which is not copied), rows of Arrow, or a list of these.
                Plain text or gzip, told by content. Rows of Arrow are what has __arrow_c_stream__: a pyarrow Table or
                RecordBatchReader, a polars or pandas DataFrame, a DuckDB relation, a flowlogs Table or Query.
    format      of inputs without a header: a Format, a str such as "${version} ${srcaddr}", or a list of names. A
                header beats it. Without both, lines of 14 values are the VPC default, of 36 that of transit gateways.
    threads     worker threads; None: the CPUs that this process may use.
    on_error    "report": lines that are no record are counted in stats; an input that is damaged ends there, and
                collect() raises InputError at the end, carrying .table. "skip": as "report", but the table is returned.
                "raise": ParseError at the first problem or bad value.
    sets        what `in @name` means in filters: {"bad": ["198.51.100.7", "203.0.113.0/24"]}.
    internal    prefixes that are `internal`: ["10.0.0.0/8"]; None: the addresses seen as an interface's own.
    limits      max_line_bytes (1 MiB): a longer line is a problem. max_inflated_bytes (none) and max_inflate_ratio (1000)
                of one compressed input: it ends there.

    Columns of Arrow are found by name, with underscores or hyphens, and a row counts as a line: all answers are those of
    a log with the same values, and stats.bytes is 0. A number may be of any width, a whole float or decimal, or text; an
    address is text; start and end may be timestamps or dates; null, "-", "" and "None" are missing. Other columns are
    text, but nested and boolean ones are left out. What has a length is asked for a new stream by each run; any other
    object can be read once, and is held in memory by a query that reads its input twice.

    Raises FormatError, ArgumentError (a number out of range, a source or an option that is not supported), TypeError.
    """
    if progress is not None:
        raise ArgumentError("scan: progress= is not built yet; leave it out")
    for name in limits:
        if name not in _LIMITS:
            raise TypeError(f"scan() has no argument or limit {name!r}; there are {', '.join(_LIMITS[1:])}")
    sources = [source] if _is_source(source) else _each(source)
    return _core._scan(
        [_to_core(item) for item in sources],
        format=format,
        threads=threads,
        on_error=on_error,
        sets={name: list(values) for name, values in (sets or {}).items()},
        internal=[internal] if isinstance(internal, str) else list(internal or []),
        block_bytes=limits.get("block_bytes"),
        max_line_bytes=limits.get("max_line_bytes"),
        max_inflated_bytes=limits.get("max_inflated_bytes"),
        max_inflate_ratio=limits.get("max_inflate_ratio"),
    )


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


def _is_source(source: object) -> bool:
    return isinstance(source, (str, os.PathLike)) or _is_arrow(source) or _is_buffer(source)


def _each(source: Any) -> list[Any]:
    if hasattr(source, "read"):
        raise ArgumentError("scan: file objects are not read yet; give the path, or the content: scan(file.read())")
    try:
        return list(source)
    except TypeError:
        raise TypeError(f"scan() takes a path, bytes, or a list of them, not {type(source).__name__}") from None


def _to_core(source: Any) -> Any:
    """What _core takes: a path and an Arrow object as they are, a buffer as a tuple of one."""
    if isinstance(source, os.PathLike):
        return os.fspath(source)
    if isinstance(source, str):
        scheme = source.partition("://")[0] if "://" in source else ""
        if scheme in ("s3", "http", "https", "cloudwatch") and not os.path.exists(source):
            raise ArgumentError(
                f"scan: {scheme}:// sources are not read yet: {source}; fetch it first and give the path"
            )
        return source
    if _is_arrow(source):
        return source
    if _is_buffer(source):
        return (source,)
    raise TypeError(f"scan() takes a path, bytes, or a list of them; in the list is {type(source).__name__}")
