"""Parquet files for the engine, which finds them by their content: opened by pyarrow, duckdb or polars, the first that is
installed, and imported when there is such a file.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable

_BATCH_ROWS = 65_536


class MissingReader(ImportError):
    """Nothing that is installed reads Parquet."""


def open(path: Any, columns: list[str] | None) -> Any:
    """path: of a file, or an object of S3 (flowlogs.aws.objects.S3Object), which pyarrow alone reads. What has __arrow_c_stream__ and gives the rows in batches of bounded size (of polars: all at once). It has all
    columns of the file. If columns (underscored) are given, the others may be of the type null. Called by the engine, in
    any thread.
    """
    if not isinstance(path, str):
        try:
            import_module("pyarrow.parquet")
        except ImportError:
            raise MissingReader("a Parquet file in S3 needs pyarrow: pip install 'flowlogs[frames]'") from None
        return _with_pyarrow(path.file(), columns)
    for name, read in _READERS.items():
        try:
            import_module(name)
        except ImportError:
            continue
        return read(path, columns)
    raise MissingReader("a Parquet file needs pyarrow (or duckdb, or polars): pip install 'flowlogs[frames]'")


def _with_pyarrow(path: Any, columns: list[str] | None) -> Any:
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")

    # A buffer: column chunks are read page by page, not as a whole. No threads of pyarrow: they would outlive the run.
    file = parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    fields = list(file.schema_arrow)
    wanted = _wanted([field.name for field in fields], columns)
    schema = pyarrow.schema(
        [field if field.name in wanted else pyarrow.field(field.name, pyarrow.null()) for field in fields]
    )

    def batches() -> Iterator[Any]:
        for batch in file.iter_batches(_BATCH_ROWS, columns=wanted, use_threads=False):
            if batch.num_columns == len(fields):
                yield batch
            else:
                nothing = pyarrow.nulls(batch.num_rows)
                arrays = [batch.column(f.name) if f.name in wanted else nothing for f in fields]
                yield pyarrow.RecordBatch.from_arrays(arrays, schema=schema)

    return pyarrow.RecordBatchReader.from_batches(schema, batches())


def _with_duckdb(path: str, columns: list[str] | None) -> Any:
    duckdb = import_module("duckdb")

    connection = duckdb.connect(config={"threads": 1, "preserve_insertion_order": True})
    escaped = path.translate({ord(c): f"[{c}]" for c in "*?["})  # it is no glob
    # A folder such as aws-region=eu-west-3 is no column of the file.
    relation = connection.read_parquet(escaped, hive_partitioning=False)
    wanted = _wanted(relation.columns, columns)
    quoted = ['"' + name.replace('"', '""') + '"' for name in relation.columns]
    return relation.project(
        ", ".join(quote if name in wanted else f"NULL AS {quote}" for name, quote in zip(relation.columns, quoted))
    )


def _with_polars(path: str, columns: list[str] | None) -> Any:
    polars = import_module("polars")

    # Polars hands out a frame as a whole: this reader alone holds the columns that are read of one file in memory.
    frame = polars.scan_parquet(path, glob=False)
    names = frame.collect_schema().names()
    wanted = _wanted(names, columns)
    return frame.select(
        [polars.col(name) if name in wanted else polars.lit(None, dtype=polars.Null).alias(name) for name in names]
    ).collect()


_READERS: dict[str, Callable[[str, list[str] | None], Any]] = {
    "pyarrow.parquet": _with_pyarrow,
    "duckdb": _with_duckdb,
    "polars": _with_polars,
}


def _wanted(names: list[str], columns: list[str] | None) -> list[str]:
    """Those of the file's columns that are read; at least one, for it tells how many rows there are."""
    if columns is None:
        return names
    asked = set(columns)
    # The engine calls a name with other characters by another one: such columns are always read.
    return [
        name for name in names if name.replace("-", "_") in asked or not name.replace("-", "_").isidentifier()
    ] or names[:1]
