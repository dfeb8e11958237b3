"""Arrow out: tables, queries and scans in DuckDB, polars, pyarrow, pandas, nanoarrow and NumPy (CONTRACT P2)."""

import ctypes
import datetime
import gc
import io
import subprocess
import sys
import threading
import time

import pytest

import flowlogs as fl

duckdb = pytest.importorskip("duckdb")
nanoarrow = pytest.importorskip("nanoarrow")
np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status\n"
)
LINE = (
    "2 123456789012 eni-0a1b2c3d4e5f60718 10.0.0.{i} 2001:db8::{i} 40001 443 6 7 8{i} 16000000{i:02} 1600000059 "
    "ACCEPT OK\n"
)
NODATA = "2 123456789012 eni-0a1b2c3d4e5f60718 - - - - - - - 1600000002 1600000057 - NODATA\n"
SMALL = (HEADER + "".join(LINE.format(i=i) for i in range(5)) + NODATA + LINE.format(i=7)).encode()
TYPES = {
    "version": pa.int32(),
    "srcaddr": pa.string_view(),
    "interface_id": pa.string_view(),
    "dstport": pa.int32(),
    "bytes": pa.int64(),
    "start": pa.int64(),
    "action": pa.string_view(),
}


def big(records=200_000):
    line = "2 123456789012 eni-0a1b2c3d4e5f60718 10.0.0.1 10.0.0.2 40001 443 6 7 {} 1600000000 1600000059 ACCEPT OK\n"
    return HEADER.encode() + "".join(line.format(i) for i in range(records)).encode()


@pytest.fixture(scope="module")
def big_log():
    return big()


@pytest.fixture
def scan():
    return fl.scan(SMALL)


@pytest.fixture
def table(scan):
    return scan.collect()


def grouped(scan):
    return scan.group_by("srcaddr", t="bin(start, 5m)").agg(n="count()", mean="mean(bytes)", bytes="sum(bytes)")


# ---- Consumers ------------------------------------------------------------------------------------------------------


def test_pyarrow_table(table):
    arrow = pa.table(table)
    arrow.validate(full=True)
    assert arrow.to_pylist() == table.to_dicts()
    for name, kind in TYPES.items():
        assert arrow.schema.field(name).type == kind
        assert arrow.schema.field(name).nullable


def test_pyarrow_table_of_a_scan(scan, table):
    for _ in range(2):  # each time a new run
        arrow = pa.table(scan)
        arrow.validate(full=True)
        assert arrow.to_pylist() == table.to_dicts()


def test_pyarrow_reads_the_samples(samples):
    scan = fl.scan(samples)
    arrow = pa.table(scan)
    arrow.validate(full=True)
    assert arrow.to_pylist() == scan.to_dicts()
    assert arrow.num_rows == 112


def test_schema_is_that_of_the_stream(scan, table):
    for rows in (scan, table, grouped(scan), scan.select("srcaddr", "duration", "service"), scan.sort("bytes")):
        assert pa.schema(rows) == pa.table(rows).schema
    assert pa.schema(table).names == table.columns
    assert pa.schema(scan).names == scan.columns


def test_schema_of_a_scan_reads_only_beginnings(big_log):
    class Counted:
        def __init__(self, content):
            self.file, self.taken = io.BytesIO(content), 0

        def read(self, size):
            piece = self.file.read(size)
            self.taken += len(piece)
            return piece

    files = [Counted(big_log) for _ in range(20)]
    assert pa.schema(fl.scan(files)).names == fl.scan(big_log).columns
    assert all(file.taken < 1 << 20 for file in files) and files[0].taken > 0 and len(big_log) > 10 << 20


def test_duckdb_reads_a_table(table):
    t = table
    assert duckdb.sql("from t").fetchall() == [tuple(row.values()) for row in t]
    assert duckdb.sql("select action, count(*), sum(bytes) from t group by all order by 1").fetchall() == [
        ("ACCEPT", 6, sum(b for b in t["bytes"] if b is not None)),
        (None, 1, None),
    ]
    assert duckdb.sql("select count(*) from t a join t b using (start)").fetchall()[0][0] >= len(t)


def test_duckdb_reads_a_scan(scan, table):
    assert duckdb.sql("from scan").fetchall() == [tuple(row.values()) for row in table]
    rejected = scan.filter("dstport = 443").select("srcaddr", "bytes")
    assert duckdb.sql("select max(bytes) from rejected").fetchall() == [(87,)]


def test_duckdb_reads_groups(scan):
    top = grouped(scan)
    assert duckdb.sql("select sum(n) from top").fetchall() == [(7,)]


def test_polars_reads_tables_and_scans(scan, table):
    for rows in (table, scan):
        frame = pl.DataFrame(rows)
        assert frame.to_dicts() == table.to_dicts()
        assert frame.schema["bytes"] == pl.Int64
        assert frame.schema["dstport"] == pl.Int32
        assert frame.schema["srcaddr"] == pl.String


@pytest.mark.skipif(not hasattr(pd.DataFrame, "from_arrow"), reason="pandas 3")
def test_pandas_reads_tables_and_scans(scan, table):
    for rows in (table, scan):
        frame = pd.DataFrame.from_arrow(rows)
        assert len(frame) == len(table)
        assert list(frame["srcaddr"].dropna()) == [a for a in table["srcaddr"] if a is not None]


def test_nanoarrow_reads_tables_and_scans(scan, table):
    for rows in (table, scan):
        stream = nanoarrow.ArrayStream(rows)
        assert [dict(zip(table.columns, row)) for row in stream.iter_tuples()] == table.to_dicts()


def test_polars_writes_parquet_that_duckdb_reads(table, tmp_path):
    path = str(tmp_path / "t.parquet")
    table.to_polars(times=True).write_parquet(path)
    assert duckdb.sql(f"select epoch(start), bytes from '{path}' limit 1").fetchall() == [(1600000000, 80)]


# ---- Values ---------------------------------------------------------------------------------------------------------


def test_all_types_with_and_without_nulls(scan):
    some = grouped(scan).collect()
    assert some.types == {"srcaddr": "text", "t": "int64", "n": "int64", "mean": "double", "bytes": "int64"}
    for rows in (some, grouped(scan.filter("bytes > 0")).collect()):
        arrow = pa.table(rows)
        arrow.validate(full=True)
        assert arrow.to_pylist() == rows.to_dicts()
    none = grouped(scan.filter("srcaddr is null")).collect()
    assert pa.table(none).column("mean").null_count == 1
    full = pa.table(scan.filter("bytes > 0"))
    for column in full.columns:
        assert column.null_count == 0
        assert all(chunk.buffers()[0] is None for chunk in column.chunks)


def test_more_rows_than_a_batch(big_log):
    scan = fl.scan(big_log)
    table = scan.collect()
    for rows in (scan, table):
        reader = pa.RecordBatchReader.from_stream(rows)
        batches = list(reader)
        sizes = [batch.num_rows for batch in batches]
        if rows is table:
            assert sizes == [65536, 65536, 65536, 200_000 - 3 * 65536]
        else:  # a batch is what a block of the input has: some thousand rows
            assert sum(sizes) == 200_000
            assert all(1000 < size < 65536 for size in sizes[:-1])
        arrow = pa.Table.from_batches(batches)
        arrow.validate(full=True)
        assert arrow.column("bytes").to_pylist() == list(range(200_000))
        assert pl.DataFrame(rows)["bytes"].sum() == 199_999 * 100_000


def test_slices_of_what_arrived(table):
    arrow = pa.table(table).slice(2, 4)
    arrow.validate(full=True)
    assert arrow.to_pylist() == table.to_dicts()[2:6]


def test_threads_give_the_same_rows(big_log):
    one, many = (pa.table(fl.scan(big_log, threads=n, block_bytes=4096)) for n in (1, 7))
    assert one.equals(many)


def test_no_rows(scan):
    empty = scan.filter("bytes = 1").collect()
    for rows in (empty, scan.filter("bytes = 1"), scan.head(0)):
        arrow = pa.table(rows)
        arrow.validate(full=True)
        assert arrow.num_rows == 0
        assert arrow.schema == pa.table(scan).schema
        assert pl.DataFrame(rows).shape == (0, 14)
        assert len(rows.to_pandas()) == 0
        assert {name: len(array) for name, array in rows.to_numpy().items()} == dict.fromkeys(empty.columns, 0)
    assert duckdb.sql("select count(*) from empty").fetchall() == [(0,)]


def test_no_columns():
    for rows in (fl.scan(b""), fl.scan(b"").collect()):
        assert pa.table(rows).shape == (0, 0)
        assert pl.DataFrame(rows).shape == (0, 0)
        assert rows.to_pandas().shape == (0, 0)
        assert rows.to_numpy() == {}


def test_bytes_that_are_not_utf8_leave_as_hex():
    log = b"srcaddr instance-id\n10.0.0.1 caf\xc3\xa9\n10.0.0.2 a\xffb\n10.0.0.3 \xe2\x82\n10.0.0.4 i-0123456789\xc3\n"
    scan = fl.scan(log)
    arrow = pa.table(scan)
    arrow.validate(full=True)
    assert arrow["instance_id"].to_pylist() == ["café", "a\\xffb", "\\xe2\\x82", "i-0123456789\\xc3"]
    assert arrow.to_pylist() == scan.to_dicts()
    assert pl.DataFrame(scan)["instance_id"].to_list() == scan.collect()["instance_id"]


def test_tags_are_decoded():
    arrow = pa.table(fl.scan(b"srcaddr instance-tag\n10.0.0.1 team%20a\n10.0.0.2 %2D\n10.0.0.3 -\n"))
    assert arrow["instance_tag"].to_pylist() == ["team a", "-", None]


# ---- What the consumer asks for -------------------------------------------------------------------------------------


def test_requested_utf8(scan, table):
    wish = pa.schema([(name, pa.string() if kind == pa.string_view() else kind) for name, kind in
                      zip(table.columns, pa.schema(table).types)])
    for rows in (table, scan, grouped(scan)):
        if isinstance(rows, fl.Query) and len(pa.schema(rows)) != len(wish):
            wish = pa.schema([(f.name, pa.string() if f.type == pa.string_view() else f.type) for f in pa.schema(rows)])
        reader = pa.RecordBatchReader.from_stream(rows, schema=wish)
        assert reader.schema == wish
        arrow = reader.read_all()
        arrow.validate(full=True)
        assert arrow.to_pylist() == rows.to_dicts()


def test_requested_types_one_by_one(table):
    wish = pa.schema([("srcaddr", pa.large_string()), ("start", pa.timestamp("s", "UTC")), ("bytes", pa.string())])
    arrow = pa.RecordBatchReader._import_from_c_capsule(table.__arrow_c_stream__(wish.__arrow_c_schema__())).read_all()
    assert arrow.schema.field("srcaddr").type == pa.large_string()
    assert arrow.schema.field("start").type == pa.timestamp("s", "UTC")
    assert arrow.schema.field("bytes").type == pa.int64()  # cannot be
    assert arrow.schema.field("action").type == pa.string_view()


def test_requested_schema_is_a_capsule(scan, table):
    for rows in (scan, table):
        for wrong in (1, "u", pa.schema([]), table.__arrow_c_stream__()):
            with pytest.raises(TypeError, match="requested_schema is a capsule"):
                rows.__arrow_c_stream__(wrong)


def test_times(scan, table):
    first = datetime.datetime(2020, 9, 13, 12, 26, 40, tzinfo=datetime.timezone.utc)
    for rows in (scan, table):
        arrow = rows.to_arrow(times=True)
        assert arrow.schema.field("start").type == pa.timestamp("s", "UTC")
        assert arrow.schema.field("end").type == pa.timestamp("s", "UTC")
        assert arrow.schema.field("bytes").type == pa.int64()
        assert arrow["start"][0].as_py() == first
        assert rows.to_polars(times=True)["start"][0] == first
        frame = rows.to_pandas(times=True)
        assert frame["start"].iloc[0] == pd.Timestamp(first)
        assert str(frame["start"].dtype) == "datetime64[s, UTC]"
        assert rows.to_numpy(times=True)["start"][0] == np.datetime64("2020-09-13T12:26:40")
        assert rows.to_arrow().schema.field("start").type == pa.int64()
        assert rows.to_polars()["start"][0] == rows.to_pandas()["start"].iloc[0] == 1600000000
    bins = grouped(scan).to_arrow(times=True)
    assert bins.schema.field("t").type == pa.timestamp("s", "UTC")
    first = scan.agg(first="min(start)", n="count()").to_arrow(times=True)
    assert first.schema.types == [pa.timestamp("s", "UTC"), pa.int64()]


# ---- to_pandas, to_polars, to_arrow, to_numpy ------------------------------------------------------------------------


def test_to_arrow_and_to_polars(scan, table):
    for rows in (scan, table):
        assert rows.to_arrow().equals(pa.table(table))
        assert rows.to_polars().equals(pl.DataFrame(table))


def test_to_pandas_keeps_integers(scan, table):
    for rows in (scan, table):
        frame = rows.to_pandas()
        assert str(frame["dstport"].dtype) == "Int32"
        assert str(frame["bytes"].dtype) == "Int64"
        assert frame["bytes"].isna().sum() == 1
        assert int(frame["bytes"].sum()) == sum(b for b in table["bytes"] if b is not None)
        assert frame["srcaddr"].dtype == "str"
        assert frame["srcaddr"].isna().sum() == 1
        assert frame.groupby("dstport")["bytes"].sum().to_dict() == {443: int(frame["bytes"].sum())}
    assert str(scan.filter("bytes > 0").to_pandas()["bytes"].dtype) == "Int64"  # whatever the data
    assert str(grouped(scan).to_pandas()["mean"].dtype) == "float64"


def test_to_numpy(scan, table):
    for rows in (scan, table):
        arrays = rows.to_numpy()
        assert list(arrays) == table.columns
        assert arrays["version"].dtype == np.int32
        assert not isinstance(arrays["version"], np.ma.MaskedArray)
        assert arrays["bytes"].dtype == np.int64
        assert isinstance(arrays["bytes"], np.ma.MaskedArray)
        assert arrays["bytes"].tolist() == table["bytes"]
        assert arrays["bytes"].sum() == sum(b for b in table["bytes"] if b is not None)
        assert arrays["srcaddr"].dtype == object
        assert arrays["srcaddr"].tolist() == table["srcaddr"]
        arrays["bytes"][0] = 1  # the arrays are the caller's
    mean = grouped(scan).to_numpy()["mean"]
    assert mean.dtype == np.float64
    assert np.isnan(mean[-1]) and not np.isnan(mean[0])
    times = scan.agg(first="min(start)")
    assert times.to_numpy(times=True)["first"].dtype == np.dtype("datetime64[s]")
    none = scan.filter("bytes = 1").agg(first="min(start)").to_numpy(times=True)["first"]
    assert np.isnat(none[0])


def test_missing_library_says_what_to_install(table, monkeypatch):
    needs = {"pyarrow": "to_arrow", "pandas": "to_pandas", "polars": "to_polars", "numpy": "to_numpy"}
    for name, method in needs.items():
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(ImportError, match=r"pip install 'flowlogs\[frames\]'") as caught:
                getattr(table, method)()
            assert caught.value.name == name
            assert method in str(caught.value)


def test_import_loads_none_of_them():
    code = "import flowlogs, sys; print({'numpy', 'pyarrow', 'pandas', 'polars', 'duckdb'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


# ---- Streams: lazy, dropped, read once ------------------------------------------------------------------------------


def test_reader_is_lazy_and_may_be_dropped_half_way(big_log):
    for threads in (1, 4):
        reader = pa.RecordBatchReader.from_stream(fl.scan(big_log, threads=threads))
        batch = reader.read_next_batch()
        assert 1000 < batch.num_rows < 65536
        before = threading.active_count()
        del reader
        gc.collect()
        batch.validate(full=True)  # outlives its stream
        assert batch.column("bytes").to_pylist() == list(range(batch.num_rows))
        assert threading.active_count() == before


def test_dropped_stream_gives_its_buffer_back(big_log):
    log = bytearray(big_log)
    reader = pa.RecordBatchReader.from_stream(fl.scan(log, threads=2))
    batch = reader.read_next_batch()
    with pytest.raises(BufferError):
        log.clear()
    del reader
    gc.collect()
    log.clear()
    batch.validate(full=True)


def test_buffer_comes_back_from_a_thread_that_python_does_not_know():
    log = bytearray(SMALL)
    capsule = fl.scan(log).__arrow_c_stream__()
    release_in_foreign_thread(capsule)
    deadline = time.monotonic() + 60
    while True:
        try:
            log.clear()
            break
        except BufferError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def release_in_foreign_thread(capsule):
    """Calls the stream's release in a thread made by the C library, without the GIL; waits for it."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = get(capsule, b"arrow_array_stream")
    release = ctypes.cast(address, ctypes.POINTER(ctypes.c_void_p))[3]
    libc = ctypes.CDLL(None)  # CDLL: its calls go without the GIL
    thread = ctypes.c_ulong()
    libc.pthread_create.argtypes = [ctypes.c_void_p] * 4
    assert libc.pthread_create(ctypes.byref(thread), None, release, address) == 0
    libc.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]
    assert libc.pthread_join(thread, None) == 0


def test_stream_that_nobody_takes(scan, table):
    for rows in (scan, table, grouped(scan)):
        stream, schema = rows.__arrow_c_stream__(), rows.__arrow_c_schema__()
        assert "arrow_array_stream" in repr(stream)
        assert "arrow_schema" in repr(schema)
        del stream, schema
    gc.collect()


def test_capsule_is_taken_once(table):
    capsule = table.__arrow_c_stream__()
    assert pa.RecordBatchReader._import_from_c_capsule(capsule).read_all().num_rows == 7
    with pytest.raises(Exception, match="released"):
        pa.RecordBatchReader._import_from_c_capsule(capsule)


def test_arrow_outlives_table_and_scan():
    scan = fl.scan(bytes(bytearray(SMALL)))
    table = scan.collect()
    del scan
    arrow, reader = pa.table(table), pa.RecordBatchReader.from_stream(table)
    del table
    gc.collect()
    arrow.validate(full=True)
    assert reader.read_all().equals(arrow)


def test_stream_read_and_dropped_in_another_thread(big_log):
    scan = fl.scan(big_log)
    found = []

    def read():
        reader = pa.RecordBatchReader.from_stream(scan)
        found.append(reader.read_next_batch().num_rows)

    readers = [pa.RecordBatchReader.from_stream(scan)]
    threads = [threading.Thread(target=read), threading.Thread(target=readers.clear)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert len(found) == 1
    assert 1000 < found[0] < 65536


def test_gil_is_free_while_a_stream_is_read(big_log):
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.wait(0.001):
            ticks.append(1)

    thread = threading.Thread(target=tick)
    thread.start()
    for _ in nanoarrow.ArrayStream(fl.scan(big_log * 3, threads=1)).read_all().iter_chunks():
        pass
    stop.set()
    thread.join()
    assert ticks


def test_standard_input_is_read_once():
    code = """
import flowlogs as fl, pyarrow as pa
scan = fl.scan("-")
print(len(pa.schema(scan)), scan.to_arrow().num_rows)
for again in (lambda: pa.table(scan), lambda: scan.__arrow_c_stream__(), lambda: scan.collect()):
    try:
        again()
    except fl.Error as error:
        print("read only once" in str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], input=SMALL, capture_output=True, check=True, timeout=300)
    assert done.stdout.decode().split() == ["14", "7", "True", "True", "True"], done.stderr


def test_duckdb_reads_standard_input_once():
    code = "import flowlogs, duckdb; s = flowlogs.scan('-'); print(duckdb.sql('select count(*) from s').fetchall())"
    done = subprocess.run([sys.executable, "-c", code], input=SMALL, capture_output=True, check=True, timeout=300)
    assert done.stdout.decode() == "[(7,)]\n", done.stderr


# ---- Errors ---------------------------------------------------------------------------------------------------------


def test_errors_of_the_plan_come_at_the_call(scan, tmp_path):
    with pytest.raises(fl.ExpressionError):
        pa.table(scan.select("no_such_column"))
    with pytest.raises(fl.InputError):
        pa.table(fl.scan(str(tmp_path / "none.log")))
    with pytest.raises(fl.InputError):
        pa.schema(fl.scan(str(tmp_path / "none.log")))
    with pytest.raises(fl.ArgumentError):
        pa.table(scan.sort("no_such_column"))
    with pytest.raises(fl.InputError):
        pa.table(fl.scan(b"1 2 3\n"))


def damaged_gzip():
    import gzip

    return gzip.compress(big(20_000), mtime=0)[:-3000]


def test_damage_is_an_error_after_the_last_batch():
    reader = pa.RecordBatchReader.from_stream(fl.scan(damaged_gzip()))
    rows = 0
    with pytest.raises(OSError, match="<bytes>"):
        while True:
            rows += reader.read_next_batch().num_rows
    assert rows > 1000
    assert pa.table(fl.scan(damaged_gzip(), on_error="skip")).num_rows == rows
    with pytest.raises(fl.InputError) as caught:
        fl.scan(damaged_gzip()).sort("bytes").to_arrow()
    assert pa.table(caught.value.table).num_rows == rows


def test_first_problem_is_an_error_with_raise():
    with pytest.raises(Exception, match="line 9"):
        pa.table(fl.scan(SMALL + b"1 2 3\n", on_error="raise"))


# ---- The end of the interpreter -------------------------------------------------------------------------------------

PROLOGUE = """
import atexit, ctypes, sys, threading
import pyarrow as pa
import flowlogs as fl
log = bytearray({log!r} + {line!r} * 100000)
scan = fl.scan(log, threads=2)
"""


@pytest.mark.parametrize(
    "code",
    [
        "capsule = scan.__arrow_c_stream__()",
        "reader = pa.RecordBatchReader.from_stream(scan); batch = reader.read_next_batch()",
        "table = scan.head(10).collect(); arrow = pa.table(table); reader = pa.RecordBatchReader.from_stream(table)",
        "reader = pa.RecordBatchReader.from_stream(scan); atexit.register(reader.read_next_batch)",
        "reader = pa.RecordBatchReader.from_stream(scan); atexit.register(lambda: globals().pop('reader'))",
        # Never freed by Python: the process ends with the run's threads in the middle of it.
        "reader = pa.RecordBatchReader.from_stream(scan); reader.read_next_batch();"
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(reader))",
        "threading.Thread(target=lambda: [b for b in pa.RecordBatchReader.from_stream(scan)], daemon=True).start()",
        "sys.modules['keep'] = keep = [pa.RecordBatchReader.from_stream(scan), scan.__arrow_c_stream__()]",
        # Released by the C library, after Python has gone.
        """
capsule = scan.__arrow_c_stream__()
get = ctypes.pythonapi.PyCapsule_GetPointer
get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
address = get(capsule, b"arrow_array_stream")
ctypes.pythonapi.Py_IncRef(ctypes.py_object(capsule))
release = ctypes.cast(address, ctypes.POINTER(ctypes.c_void_p))[3]
libc = ctypes.CDLL(None)
libc.__cxa_atexit.argtypes = [ctypes.c_void_p] * 3
assert libc.__cxa_atexit(release, address, None) == 0
""",
    ],
)
def test_release_at_and_after_the_interpreters_end(code):
    program = PROLOGUE.format(log=HEADER.encode(), line=LINE.format(i=1).encode()) + code + "\nprint('end')"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
    assert done.stderr == ""
