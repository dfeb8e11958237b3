"""Arrow in: rows of pyarrow, polars, pandas, DuckDB, nanoarrow and our own tables as input of a scan (CONTRACT P1, P2).

FLOWLOGS_CASES=20000 runs more random cases than the usual 150.
"""

import datetime
import decimal
import gc
import os
import pathlib
import random
import subprocess
import sys
import threading
import time
import weakref

import pytest

import flowlogs as fl

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import reference  # noqa: E402
import test_reference as oracle  # noqa: E402

duckdb = pytest.importorskip("duckdb")
nanoarrow = pytest.importorskip("nanoarrow")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

CASES = max(150, int(os.environ.get("FLOWLOGS_CASES", "0")))


@pytest.fixture
def text(samples):
    return fl.scan(samples)


@pytest.fixture
def arrow(text):
    return pa.table(text)


def reader_of(table):
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=7))


# What holds its rows can be scanned again and again; the others are read once.
REPEATED = {
    "pyarrow.Table": lambda table: table,
    "pyarrow.Table in chunks": lambda table: pa.Table.from_batches(table.to_batches(max_chunksize=7)),
    "pyarrow.Table, sliced": lambda table: pa.concat_tables([table.slice(50, 10), table, table.slice(3, 9)]).slice(
        10, len(table)
    ),
    "pyarrow.RecordBatch": lambda table: table.combine_chunks().to_batches()[0],
    "polars.DataFrame": pl.DataFrame,
    "pandas.DataFrame": lambda table: table.cast(plain(table.schema)).to_pandas(),
    "pandas.DataFrame of Arrow": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "duckdb.Relation": lambda table: duckdb.connect().from_arrow(table),
    # nanoarrow 0.9 itself does not survive string views here.
    "nanoarrow.Array": lambda table: nanoarrow.Array(
        table.cast(plain(table.schema)).combine_chunks().to_batches()[0]
    ),
    "pyarrow.ChunkedArray of structs": lambda table: table.to_struct_array(),
}
ONCE = {
    "pyarrow.RecordBatchReader": reader_of,
    "nanoarrow.ArrayStream": nanoarrow.ArrayStream,
    "duckdb's reader": lambda table: duckdb.connect().from_arrow(table).to_arrow_reader(),
}


def plain(schema):
    return pa.schema([f.with_type(pa.string()) if f.type == pa.string_view() else f for f in schema])


def same_answers(scan, text, again=True):
    """Equal answers of every shape; `again`: the scan can run more than once."""
    expected = text.collect()
    table = scan.collect()
    assert table.to_dicts() == expected.to_dicts()
    for name in ("records", "nodata", "skipdata", "bad_values", "formats", "problems", "complete"):
        assert getattr(table.stats, name) == getattr(expected.stats, name), name
    assert table.stats.lines == table.stats.records
    assert table.stats.bytes == 0
    if not again:
        return
    for ask in (
        lambda s: s.group_by("srcaddr", t="bin(start, 5m)").agg(n="count()", b="sum(bytes)", p="distinct(dstport)"),
        lambda s: s.filter("rejected and dstport < 1024").select("srcaddr", "dstport", "service"),
        lambda s: s.group_by("client", "direction").agg("count()", "connections()"),  # two passes
        lambda s: s.once().agg("sum(packets)"),
    ):
        assert ask(scan).collect().to_dicts() == ask(text).collect().to_dicts()
    assert [r.to_dict() for r in scan.records()] == [r.to_dict() for r in text.records()]
    assert scan.check().to_dict()["bad_values"] == text.check().to_dict()["bad_values"]
    assert scan.columns == text.columns
    for ask in (lambda s: s, lambda s: s.filter("dstport > 100").select("srcaddr", "dstport", "action", "duration")):
        rows = pa.table(ask(scan))
        rows.validate(full=True)
        assert rows.equals(pa.table(ask(text)))


@pytest.mark.parametrize("kind", REPEATED)
@pytest.mark.parametrize("threads", [1, 4])
def test_what_holds_its_rows_is_scanned_again_and_again(kind, threads, text, arrow):
    same_answers(fl.scan(REPEATED[kind](arrow), threads=threads), text)


@pytest.mark.parametrize("kind", ONCE)
def test_what_streams_is_read_once_and_says_so(kind, text, arrow):
    scan = fl.scan(ONCE[kind](arrow))
    same_answers(scan, text, again=False)
    for again in (scan.collect, scan.count, lambda: scan.columns, lambda: list(scan.records())):
        with pytest.raises(fl.Error, match="<arrow>: it can be read only once, and has been read"):
            again()


@pytest.mark.parametrize("kind", ONCE)
@pytest.mark.parametrize("threads", [1, 4])
def test_two_passes_over_what_streams(kind, threads, text, arrow):
    # CONTRACT D1, D2
    def ask(scan):
        return scan.once().group_by("client", "direction").agg("count()").collect().to_dicts()

    assert ask(fl.scan(ONCE[kind](arrow), threads=threads)) == ask(text)


def test_our_own_tables_and_queries(text):
    same_answers(fl.scan(text), text)
    same_answers(fl.scan(text.collect()), text)
    same_answers(fl.scan(fl.scan(fl.scan(text.collect()))), text)


def test_lists_of_all_kinds(samples, text, arrow):
    sources = [samples[0], arrow, pl.DataFrame(arrow), b"", reader_of(arrow), pathlib.Path(samples[1]).read_bytes()]
    table = fl.scan(sources).group_by("_source").agg("count()").collect()
    rows = {row["_source"]: row["count"] for row in table}
    counts = {row["_source"]: row["count"] for row in text.group_by("_source").agg("count()").collect()}
    assert rows == {
        samples[0]: counts[samples[0]],
        "<arrow>": 112,
        "<arrow 2>": 112,
        "<arrow 3>": 112,
        "<bytes 2>": counts[samples[1]],
    }
    assert table.stats.inputs == 6


def test_rows_have_provenance_and_records_have_lines(arrow):
    scan = fl.scan(arrow)
    rows = scan.select("_source", "_line").collect()
    assert rows["_line"] == list(range(1, 113))
    assert set(rows["_source"]) == {"<arrow>"}
    records = list(scan.records())
    assert [r.line_number for r in records] == list(range(1, 113))
    assert records[0].source == "<arrow>"
    assert records[0].line.split()[:2] == ["2", records[0].account_id]
    assert fl.parse(records[0].line).to_dict() == records[0].to_dict()
    assert isinstance(records[0], fl.Record)


def test_nulls_are_a_dash_in_the_line():
    table = pa.table({"srcaddr": ["10.0.0.1", None], "bytes": [None, 7], "note": ["two words", "None"]})
    assert [r.line for r in fl.scan(table).records()] == ["10.0.0.1 - two%20words", "- 7 -"]


# ---- Parquet --------------------------------------------------------------------------------------------------------


def aws_table(log):
    """As AWS writes Parquet: names with underscores, '-' stays in text, integers are null."""
    lines = [line.split() for line in log.decode().splitlines()]
    kinds = {"int32": pa.int32(), "int64": pa.int64(), "time": pa.int64()}
    columns = {}
    for place, name in enumerate(lines[0]):
        values = [line[place] for line in lines[1:]]
        kind = kinds.get(reference.type_of(name))
        if kind is not None:
            values = [None if value == "-" else int(value) for value in values]
        columns[reference.column_name(name)] = pa.array(values, kind or pa.string())
    return pa.table(columns)


NODATA = b"""version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 000123456789 eni-1 10.0.0.1 8.8.8.8 40001 443 6 7 800 1600000000 1600000059 ACCEPT OK
2 123456789010 eni-1 - - - - - - - 1600000060 1600000119 - NODATA
2 unknown eni-2 2001:db8::1 fe80::1 1 2 17 4503599627370497 1 1600000060 1600000119 REJECT SKIPDATA
"""


def test_parquet_through_every_library(tmp_path):
    path = str(tmp_path / "1_vpcflowlogs_x.log.parquet")
    text = fl.scan(NODATA)
    table = aws_table(NODATA)

    def with_pyarrow():
        pq.write_table(table, path, compression="gzip", use_dictionary=True)

    def with_polars():
        pl.DataFrame(table).write_parquet(path)

    def with_duckdb():
        duckdb.connect().from_arrow(table).write_parquet(path)

    readers = {
        "pyarrow": lambda: pq.read_table(path),
        "pyarrow with dictionaries": lambda: pq.read_table(path, read_dictionary=["action", "srcaddr", "log_status"]),
        "pyarrow, streamed": lambda: pa.RecordBatchReader.from_batches(
            pq.ParquetFile(path).schema_arrow, pq.ParquetFile(path).iter_batches(2)
        ),
        "polars": lambda: pl.read_parquet(path),
        "duckdb": lambda: duckdb.connect().sql(f"from '{path}'"),
        "pandas": lambda: pd.read_parquet(path),
    }
    for write in (with_pyarrow, with_polars, with_duckdb):
        write()
        for name, read in readers.items():
            scan = fl.scan(read())
            if "streamed" in name:
                assert scan.collect().to_dicts() == text.collect().to_dicts(), (write, name)
            else:
                same_answers(scan, text)
    # What convert() writes is read back.
    text.convert(path)
    same_answers(fl.scan(pq.read_table(path)), text)


def test_pandas_as_people_have_it():
    frame = pd.DataFrame(
        {
            "srcaddr": ["10.0.0.1", None, "-"],
            "dstport": [443, None, 25238],  # float64 with NaN
            "action": pd.Categorical(["ACCEPT", "REJECT", None]),
            "account_id": [123456789012, 1, 2],
            "start": pd.to_datetime(["2020-09-13T12:26:40.9", None, "1969-12-31"], format="ISO8601"),
            "vpc_id": [float("nan")] * 3,
        }
    )
    table = fl.scan(frame).collect()
    assert table.to_dicts() == [
        dict(zip(frame.columns, row))
        for row in [
            ("10.0.0.1", 443, "ACCEPT", "123456789012", 1600000000, None),
            (None, None, "REJECT", "1", None, None),
            (None, 25238, None, "2", None, None),
        ]
    ]
    assert table.stats.bad_values == {"start": 1}
    frame["dstport"] = [22, 22, 22]
    assert fl.scan(frame).agg("sum(dstport)").collect()["sum_dstport"] == [66]


def test_polars_categories_and_times():
    frame = pl.DataFrame(
        {
            "srcaddr": pl.Series(["10.0.0.1", "10.0.0.1", None], dtype=pl.Categorical),
            "action": pl.Series(["ACCEPT", "REJECT", "ACCEPT"], dtype=pl.Enum(["REJECT", "ACCEPT"])),
            "start": [datetime.datetime(2020, 9, 13, 12, 26, 40, 999_000)] * 3,
            "end": [datetime.date(2020, 9, 13)] * 3,
            "bytes": pl.Series([1, None, 2**63 - 1], dtype=pl.UInt64),
        }
    )
    assert fl.scan(frame).to_dicts() == [
        {"srcaddr": "10.0.0.1", "action": "ACCEPT", "start": 1600000000, "end": 1599955200, "bytes": 1},
        {"srcaddr": "10.0.0.1", "action": "REJECT", "start": 1600000000, "end": 1599955200, "bytes": None},
        {"srcaddr": None, "action": "ACCEPT", "start": 1600000000, "end": 1599955200, "bytes": 2**63 - 1},
    ]


def test_duckdb_aggregates_are_numbers():
    # sum() of DuckDB is a HUGEINT, which leaves as a decimal.
    con = duckdb.connect()
    con.sql("create table t as select '10.0.0.' || (i % 3) as srcaddr, i::bigint as bytes from range(10) r(i)")
    relation = con.sql("select srcaddr, sum(bytes) as bytes, 43::utinyint as dstport from t group by all order by 1")
    rows = fl.scan(relation).select("srcaddr", "bytes").to_dicts()
    assert rows == [{"srcaddr": f"10.0.0.{i}", "bytes": b} for i, b in enumerate([18, 12, 15])]


# ---- Errors ---------------------------------------------------------------------------------------------------------


def test_columns_that_do_not_fit_are_a_clear_error():
    with pytest.raises(fl.InputError, match="none of its columns is a field of flow logs: a, b"):
        fl.scan(pa.table({"a": [1], "b": [2]})).collect()
    with pytest.raises(fl.InputError, match="column 'dstport' is of the Arrow type list"):
        fl.scan(pa.table({"dstport": [[1]], "srcaddr": ["10.0.0.1"]})).collect()
    with pytest.raises(fl.InputError, match="rows are no records"):
        fl.scan(pa.chunked_array([[1, 2]])).collect()
    left_out = pa.table({"srcaddr": ["10.0.0.1"], "tags": [["a"]], "flag": [True], "where": [{"x": 1}]})
    assert fl.scan(left_out).columns == ["srcaddr"]
    with pytest.raises(fl.ExpressionError):
        fl.scan(left_out).filter("tags = 'a'").collect()


def test_an_error_of_the_stream_is_damage():
    # CONTRACT P5
    schema = pa.schema([("srcaddr", pa.string())])
    batch = pa.record_batch([["10.0.0.1", "10.0.0.2"]], schema)

    def batches():
        yield batch
        raise ValueError("the cable is out")

    for threads in (1, 4):
        with pytest.raises(fl.InputError, match="after row 2: .*the cable is out") as caught:
            fl.scan(pa.RecordBatchReader.from_batches(schema, batches()), threads=threads).collect()
        assert caught.value.table["srcaddr"] == ["10.0.0.1", "10.0.0.2"]
        assert caught.value.source == "<arrow>"
        assert caught.value.stats.complete is False
    skipped = fl.scan(pa.RecordBatchReader.from_batches(schema, batches()), on_error="skip").collect()
    assert len(skipped) == 2


def test_an_error_of_the_object_is_told():
    class Broken:
        def __arrow_c_stream__(self, requested_schema=None):
            raise RuntimeError("no such table")

    class Wrong:
        def __arrow_c_stream__(self, requested_schema=None):
            return 7

    scan = fl.scan(Broken())
    with pytest.raises(fl.InputError, match="^<arrow>: RuntimeError: no such table$"):
        scan.collect()
    with pytest.raises(fl.InputError, match="<arrow>: "):
        fl.scan(Wrong()).collect()
    with pytest.raises(TypeError):
        fl.scan(Broken).collect()  # the class, not an object


def test_bad_values_raise_with_their_row(arrow):
    table = pa.table({"dstport": ["443", "x", "22"], "srcaddr": ["10.0.0.1"] * 3})
    with pytest.raises(fl.ParseError, match="dstport") as caught:
        fl.scan(table, on_error="raise").collect()
    assert (caught.value.source, caught.value.line) == ("<arrow>", 2)
    assert fl.scan(table).check().bad_values == {"dstport": 1}


# ---- Lifetime, threads, the GIL -------------------------------------------------------------------------------------


class Exporter:
    """An object that counts its streams."""

    def __init__(self, table):
        self.table = table
        self.threads = []

    def __len__(self):
        return len(self.table)

    def __arrow_c_stream__(self, requested_schema=None):
        self.threads.append(threading.get_ident())
        return self.table.__arrow_c_stream__(requested_schema)


def test_streams_are_opened_in_the_calling_thread(arrow):
    exporter = Exporter(arrow)
    scan = fl.scan([exporter] * 20, threads=4)
    assert exporter.threads == [], "nothing is opened before the plan runs"
    assert scan.once().group_by("client").collect().stats.records == 20 * 112
    assert set(exporter.threads) == {threading.get_ident()}
    assert len(exporter.threads) == 40, "two passes"


def test_the_object_lives_as_long_as_a_plan_and_no_longer(arrow):
    exporter = Exporter(arrow)
    gone = weakref.ref(exporter)
    query = fl.scan(exporter).filter("rejected")
    del exporter
    gc.collect()
    assert gone() is not None
    assert query.count() > 0
    rows = pa.RecordBatchReader.from_stream(query)
    del query
    gc.collect()
    assert rows.read_all().num_rows > 0
    del rows
    gc.collect()
    assert gone() is None


def test_answers_outlive_the_object():
    table = pa.table({"srcaddr": [f"2001:db8::{i:x}" for i in range(5000)], "note": ["x" * 50] * 5000})
    answer = fl.scan(table).collect()
    expected = [f"2001:db8::{i:x}" for i in range(5000)]
    expected[0] = "2001:db8::"
    del table
    gc.collect()
    assert answer["srcaddr"] == expected
    assert set(answer["note"]) == {"x" * 50}


def test_batches_made_by_python_code_in_worker_threads():
    schema = pa.schema([("dstport", pa.int32())])
    made = []

    def batches():
        for i in range(200):
            made.append(threading.get_ident())
            yield pa.record_batch([pa.array(range(i * 100, i * 100 + 100), pa.int32())], schema)

    for threads in (1, 2, 7):
        made.clear()
        scan = fl.scan(pa.RecordBatchReader.from_batches(schema, batches()), threads=threads)
        assert scan.agg("sum(dstport)", "max(_line)").collect().to_dicts() == [
            {"sum_dstport": sum(range(20_000)), "max_line": 20_000}
        ]
        assert len(made) == 200


def test_a_half_read_stream_is_dropped():
    schema = pa.schema([("dstport", pa.int32())])
    made = []

    def batches():
        while True:
            made.append(1)
            yield pa.record_batch([pa.array(range(1000), pa.int32())], schema)

    for threads in (1, 4):
        reader = pa.RecordBatchReader.from_batches(schema, batches())
        records = fl.scan(reader, threads=threads).records()
        assert next(records).dstport == 0
        rows = pa.RecordBatchReader.from_stream(
            fl.scan(pa.RecordBatchReader.from_batches(schema, batches()), threads=threads)
        )
        assert rows.read_next_batch().num_rows > 0
        del records, rows, reader
        gc.collect()
        count = len(made)
        time.sleep(0.05)
        assert len(made) == count, "nobody reads on"
        head = fl.scan(pa.RecordBatchReader.from_batches(schema, batches()), threads=threads).head(1500).collect()
        assert (len(head), head.complete) == (1500, False)


def test_duckdb_and_polars_read_a_scan_of_arrow(arrow):
    scan = fl.scan(pl.DataFrame(arrow)).filter("rejected")
    assert duckdb.sql("select count(*) from scan").fetchall() == [(scan.count(),)]
    assert len(pl.DataFrame(scan)) == scan.count()


@pytest.mark.parametrize(
    "code",
    [
        "keep = fl.scan(table)",
        "sys.modules['keep'] = fl.scan(table)",
        "sys.modules['x'] = rows = pa.RecordBatchReader.from_stream(fl.scan(table, threads=2)); rows.read_next_batch()",
        "sys.modules['keep'] = records = fl.scan(reader, threads=2).records(); next(records)",
        "atexit.register(fl.scan(reader).count)",
        "threading.Thread(target=fl.scan(table, threads=2).group_by('srcaddr').collect, daemon=True).start()",
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(fl.scan(reader, threads=2).records()))",
        "sys.modules['keep'] = records = fl.scan(File(), threads=2).records(); next(records)",
    ],
)
def test_the_end_of_the_interpreter(code):
    program = f"""
import atexit, ctypes, sys, threading, time
import pyarrow as pa, pandas as pd
import flowlogs as fl
table = pd.DataFrame({{"srcaddr": ["10.0.0.1", None] * 50000, "bytes": [1.0, None] * 50000}})
reader = pa.RecordBatchReader.from_batches(pa.schema([("srcaddr", pa.string())]),
                                           (pa.record_batch([["10.0.0.1"] * 1000], ["srcaddr"]) for i in range(100)))
class File:
    def read(self, size):
        time.sleep(0.001)
        return b"srcaddr bytes\\n" + b"10.0.0.1 1\\n" * (size // 20)
{code}
print("end")
"""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program], capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
    assert done.stderr == ""


# ---- Against the oracle ---------------------------------------------------------------------------------------------


def random_column(rng, name, tokens):
    """The tokens as an Arrow array of a type that can hold them all."""
    present = [token for token in tokens if token != b"-"]
    kind = reference.type_of(name)
    is_text = all(is_utf8(token) for token in present)
    kinds = [pa.binary(), pa.large_binary(), pa.binary_view()]
    if is_text:
        kinds += [pa.string(), pa.string(), pa.large_string(), pa.string_view()]
    numbers = all(token == b"%d" % int(token) for token in present if token.isdigit()) and all(
        token.isdigit() for token in present
    )
    most = max(map(int, present), default=0) if numbers else 0
    if numbers and most < 2**63:
        kinds += [pa.int64(), pa.uint64(), pa.decimal128(38, rng.randrange(3))] * 2
        kinds += [pa.int32()] * (2 * (most < 2**31)) + [pa.float64()] * (2 * (most < 2**53))
        kinds += [pa.uint16()] * (most < 2**16) + [pa.float32()] * (most < 2**24)
        if kind == "time" and most < 10**11 and most * 10**9 < 2**63:
            kinds += [pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")] * 2
    chosen = rng.choice(kinds)
    if str(chosen).startswith(("binary", "large_binary", "string", "large_string")):
        missing = [None, b"-", b"", b"None"]
        values = [rng.choice(missing) if token == b"-" else token for token in tokens]
        array = pa.array(values, pa.binary()).cast(pa.string() if is_text else pa.binary()).cast(chosen)
    else:
        numbers_or_null = [None if token == b"-" else int(token) for token in tokens]
        if pa.types.is_timestamp(chosen):
            per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[chosen.unit]
            values = [None if n is None else n * per_second + rng.randrange(per_second) for n in numbers_or_null]
            array = pa.array(values, pa.int64()).cast(chosen)
        elif pa.types.is_decimal(chosen):
            array = pa.array([None if n is None else decimal.Decimal(n) for n in numbers_or_null], chosen)
        else:
            array = pa.array(numbers_or_null, chosen)
    if rng.random() < 0.2 and not str(chosen).endswith("view") and not pa.types.is_decimal(chosen):
        array = array.dictionary_encode()
    return array


def is_utf8(token):
    try:
        token.decode()
        return True
    except UnicodeDecodeError:
        return False


def random_batches(rng, table):
    batches, at = [], 0
    while at < len(table):
        size = rng.randrange(0, 40)
        batches += table.slice(at, size).combine_chunks().to_batches()
        at += size
    return pa.Table.from_batches(batches, table.schema)


def in_a_library(rng, table):
    """The table as it is, or as another library has it."""
    choice = rng.randrange(10)
    if choice == 0:
        return pl.DataFrame(table)
    if choice == 1:
        return duckdb.connect().from_arrow(table)
    if choice == 2:
        return reader_of(table)
    if choice == 3:
        return nanoarrow.ArrayStream(table)
    return random_batches(rng, table)


def run_case(seed):
    rng = random.Random(seed)
    format = oracle.random_format(rng)._replace(comma=False)
    hostile = rng.choice([0, 0.01, 0.1, 0.3])
    results, tables = [], []
    for _ in range(rng.choice([1, 1, 2])):
        count = rng.choice([1, 5, 60, 150])
        rows = [
            [oracle.random_token(rng, n, reference.type_of(n), hostile) for n in format.names] for _ in range(count)
        ]
        records = [reference.Record(i + 1, format, tokens) for i, tokens in enumerate(rows)]
        events = [reference.Event(r.line, b" ".join(r.tokens), "record", r) for r in records]
        results.append(reference.Result(events, format))
        columns = {}
        for place, name in enumerate(format.names):
            written = name if name not in reference.FIELDS or rng.random() < 0.3 else reference.column_name(name)
            columns[written] = random_column(rng, name, [tokens[place] for tokens in rows])
        tables.append(pa.table(columns))
    maker = oracle.QueryMaker(rng, results)
    asked, plan, description = maker.query()
    expected = oracle.expected_stats(results)
    samples = oracle.expected_samples(results)
    try:
        rows = reference.run(results, asked)
    except reference.Overflow:
        rows = None
    for threads in (1, 2, 7):

        def scan():
            sources = [in_a_library(rng, table) for table in tables]
            return fl.scan(sources, threads=threads, block_bytes=rng.randrange(1, 301), internal=["10.0.0.0/16"])

        stats = scan().check()
        oracle.check_stats(stats, expected, bad_values=True)
        found = [(sample["line"], sample["reason"].replace("-", "_")) for sample in stats.to_dict()["samples"]]
        assert found == [(line, reason.replace("-", "_")) for line, reason in samples[:100]]
        if rows is None:
            with pytest.raises(fl.Error, match="sum"):
                plan(scan()).collect()
            continue
        table = plan(scan()).collect()
        assert oracle.same_rows(table.to_dicts(), rows), (description, table.to_dicts(), rows)
        if asked.head is None:
            oracle.check_stats(table.stats, expected, bad_values=False)


@pytest.mark.parametrize("group", range(5))
def test_random_tables_and_queries_give_what_the_oracle_says(group):
    # CONTRACT F1 to F10, L1 to L12
    for seed in range(group, CASES, 5):
        try:
            run_case(seed)
        except BaseException as error:
            raise AssertionError("case %d" % seed) from error
