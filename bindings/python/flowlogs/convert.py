"""Tables in formats of other tools: NDJSON, CSV, TSV, Parquet, Arrow IPC. Query.convert() is the way in."""

from __future__ import annotations

import os

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, BinaryIO, Callable, Union

    Target = Union[str, "os.PathLike[str]", BinaryIO]

FORMATS = ("ndjson", "csv", "tsv", "parquet", "arrow")
BINARY = ("parquet", "arrow")  # by pyarrow
# A row group of Parquet, or a batch of Arrow, ends at whichever comes first; one is in memory at a time.
ROW_GROUP_ROWS = 128 * 1024
ROW_GROUP_BYTES = 64 << 20


def convert(
    query: _core.Query, output: Target, *, format: str | None = None, fields: Iterable[str] | None = None
) -> _core.Stats:
    """Writes a query's records; Query.convert() tells of the arguments."""
    if isinstance(output, (str, os.PathLike)):
        format = format or format_of(os.fspath(output))
    if format not in FORMATS:
        raise _core.ArgumentError(
            f"convert: {'which format' if format is None else repr(format)}? there are {', '.join(FORMATS)}; "
            "a file whose ending names one, or format="
        )
    if format in BINARY:
        pyarrow_of(format)  # before anything is written
    tables = (query.select(*fields) if fields else query)._tables()
    if isinstance(output, (str, os.PathLike)):
        with open(output, "wb") as file:
            write(tables, format, file.write, is_file=True)
    else:
        write(tables, format, output.write)
    return tables.stats


def format_of(path: str) -> str | None:
    ending = os.path.splitext(path)[1].lower()
    return {".jsonl": "ndjson"}.get(ending, ending[1:] if ending[1:] in FORMATS else None)


def write(tables: Iterable[_core.Table], format: str, sink: Callable[[bytes], Any], *, is_file: bool = False) -> int:
    """Writes tables of the same columns as one. Returns the number of rows. is_file: Arrow's file format, not its stream."""
    if format in BINARY:
        return _write_arrow(tables, format, sink, is_file)
    rows = 0
    for i, table in enumerate(tables):
        if i == 0:
            sink(table._render_header(format).encode())
        if len(table):
            sink(table._render_rows(format).encode())
        rows += len(table)
    return rows


def pyarrow_of(format: str) -> Any:
    """pyarrow, with what writes a format of BINARY. Raises ImportError with advice."""
    try:
        from importlib import import_module

        pyarrow = import_module("pyarrow")
        import_module("pyarrow.parquet" if format == "parquet" else "pyarrow.ipc")
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] != "pyarrow":
            raise  # it is there, and something that it needs is not
        raise ImportError(
            f"{format} needs pyarrow, which is not installed: pip install 'flowlogs[frames]'; or choose csv or ndjson",
            name="pyarrow",
        ) from None
    return pyarrow


class _Sink:
    """A function that takes bytes, as the file that pyarrow writes to."""

    closed = False
    mode = "wb"

    def __init__(self, sink: Callable[[bytes], Any]) -> None:
        self._sink = sink

    def write(self, data: Any) -> int:
        self._sink(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _write_arrow(tables: Iterable[_core.Table], format: str, sink: Callable[[bytes], Any], is_file: bool) -> int:
    """As AWS writes Parquet: names with underscores, int32, int64 and string. Row groups are of bounded size."""
    from .frames import _Stream, _with_plain_text

    pyarrow = pyarrow_of(format)
    writer: Any = None
    held: list[Any] = []
    rows = held_rows = held_bytes = 0
    damage = None
    file = pyarrow.PythonFile(_Sink(sink), mode="w")

    def begun(schema: Any) -> Any:
        if format == "parquet":
            return pyarrow.parquet.ParquetWriter(file, schema, compression="zstd")
        return pyarrow.ipc.new_file(file, schema) if is_file else pyarrow.ipc.new_stream(file, schema)

    def put(pieces: list[Any]) -> None:
        whole = pyarrow.concat_tables(pieces)
        if format == "parquet":
            writer.write_table(whole, row_group_size=ROW_GROUP_ROWS)
        else:
            writer.write_table(whole.combine_chunks())

    try:
        try:
            for table in tables:
                stream = _Stream(table, False)
                if writer is None:
                    schema = _with_plain_text(pyarrow, pyarrow.schema(stream))
                    writer = begun(schema)
                piece = pyarrow.table(stream, schema=schema)
                while len(piece):
                    part = piece.slice(0, ROW_GROUP_ROWS - held_rows)
                    piece = piece.slice(len(part))
                    held.append(part)
                    held_rows += len(part)
                    held_bytes += part.nbytes
                    if held_rows >= ROW_GROUP_ROWS or held_bytes >= ROW_GROUP_BYTES:
                        put(held)
                        held, held_rows, held_bytes = [], 0, 0
                rows += len(table)
        except _core.InputError as error:
            damage = error  # what was read before it is written all the same
        if held:
            put(held)
    finally:
        if writer is not None:
            writer.close()
        file.close()
    if damage is not None:
        raise damage
    return rows
