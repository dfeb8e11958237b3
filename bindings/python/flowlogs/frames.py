"""Tables and queries as DataFrames and arrays: what is behind to_arrow(), to_pandas(), to_polars() and to_numpy().

Each takes whatever has flowlogs' __arrow_c_stream__. The libraries are imported when they are needed; they come with
pip install 'flowlogs[frames]'.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    from ._core import Query, Table

    Rows = Union[Query, Table]


def to_arrow(rows: Rows, *, times: bool = False) -> Any:
    """A pyarrow.Table. Text is string_view; times=True gives timestamp[s, UTC] instead of int64."""
    pyarrow = _load("pyarrow", "to_arrow()")
    with _Reading():
        return pyarrow.table(_Stream(rows, times))


def to_pandas(rows: Rows, *, times: bool = False) -> Any:
    """A pandas.DataFrame. Integers are pandas' Int32 and Int64, whether values are missing or not: a NODATA record does
    not turn ports into floats. Text is str (in pandas 2 object), times=True gives datetime64[s, UTC].
    """
    pandas = _load("pandas", "to_pandas()")
    pyarrow = _load("pyarrow", "to_pandas()")
    nullable = {pyarrow.int32(): pandas.Int32Dtype(), pyarrow.int64(): pandas.Int64Dtype()}
    stream = _Stream(rows, times)
    with _Reading():
        table = pyarrow.table(stream, schema=_with_plain_text(pyarrow, pyarrow.schema(stream)))
    return table.to_pandas(types_mapper=nullable.get)


def to_polars(rows: Rows, *, times: bool = False) -> Any:
    """A polars.DataFrame. times=True gives Datetime(time_zone="UTC")."""
    polars = _load("polars", "to_polars()")
    with _Reading():
        return polars.DataFrame(_Stream(rows, times))


def to_numpy(rows: Rows, *, times: bool = False) -> dict[str, Any]:
    """A dict of arrays by column: int32 and int64, as numpy.ma.MaskedArray where values are missing; float64 with NaN;
    objects (str or None) for text. times=True gives datetime64[s], in UTC, with NaT.
    """
    numpy = _load("numpy", "to_numpy()")
    table = rows.collect() if hasattr(rows, "collect") else rows
    dtypes = {"int32": numpy.int32, "int64": numpy.int64, "double": numpy.float64}
    arrays = {}
    for place, (name, kind) in enumerate(table._kinds):
        found = table._values(place)
        if found is None:
            array = numpy.empty(len(table), dtype=object)
            array[:] = table[name]
        else:
            values, nulls = found
            array = numpy.frombuffer(values, dtype=dtypes[table.types[name]])
            mask = None if nulls is None else numpy.frombuffer(nulls, dtype=bool)
            if times and kind == "time":
                array = array.view("datetime64[s]")
                if mask is not None:
                    array[mask] = numpy.datetime64("NaT")
            elif mask is not None and table.types[name] == "double":
                array[mask] = numpy.nan
            elif mask is not None:
                array = numpy.ma.MaskedArray(array, mask=mask)
        arrays[name] = array
    return arrays


class _Stream:
    """Rows with the caller's choice of times, for consumers that know the standard protocol only."""

    def __init__(self, rows: Rows, times: bool) -> None:
        self._rows = rows
        self._times = times

    def __arrow_c_schema__(self) -> Any:
        return self._rows.__arrow_c_schema__(times=self._times)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._rows.__arrow_c_stream__(requested_schema, times=self._times)


class _Reading:
    """Around the reading of a stream. A consumer knows no KeyboardInterrupt, nor what `progress` raised: it raises an
    error of its own, and the other one is raised as soon as Python code runs in the main thread. That is here.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


def _with_plain_text(pyarrow: Any, schema: Any) -> Any:
    """The schema with string in the place of string_view, which conversions know better."""
    view = pyarrow.string_view()
    return pyarrow.schema([field.with_type(pyarrow.string()) if field.type == view else field for field in schema])


def _load(name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] != name:
            raise  # it is there, and something that it needs is not
        message = f"{what} needs {name}, which is not installed: pip install 'flowlogs[frames]'"
        raise ImportError(message, name=name) from None
