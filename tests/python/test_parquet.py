"""Parquet files by their path (CONTRACT P1): the answers are those of the text file of the same rows, whatever the codec,
the widths, the reader; damage ends one file (P5); memory is bounded."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys

import pytest

import flowlogs as fl

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

NAME = "123456789012_vpcflowlogs_eu-west-3_fl-0f46d0a2ed744cfa1_20220915T1420Z_740b4cc6.log.parquet"
HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
    " tcp-flags flow-direction pkt-src-aws-service"
)
INTS = {"version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp_flags"}
LONG = {"packets", "bytes", "start", "end"}


def lines(rows=1_000):
    out = []
    for i in range(rows):
        at = 1_663_250_000 + i
        if i % 97 == 5:
            out.append(f"2 012345678901 eni-{i % 5} - - - - - - - {at} {at + 60} - NODATA - - -")
            continue
        src = f"10.0.{i % 7}.{i % 251}" if i % 11 else f"2001:db8::{i % 77:x}"
        dst = "93.184.216.34" if i % 11 else "2001:db8:1::1"
        action = "REJECT" if i % 13 == 0 else "ACCEPT"
        out.append(
            f"2 012345678901 eni-{i % 5} {src} {dst} {1024 + i % 60000} {443 if i % 3 else 22} 6 {i + 1} {i * 1000 + 40}"
            f" {at} {at + 60} {action} OK {i % 64} {'egress' if i % 2 else 'ingress'} {'S3' if i % 17 == 0 else '-'}"
        )
    return out


def text_of(rows):
    return "\n".join([HEADER, *rows, ""])


def table_of(rows, wide=False, narrow=False, required=False):
    columns = [name.replace("-", "_") for name in HEADER.split()]
    cells = list(zip(*(line.split(" ") for line in rows)))
    arrays, fields = [], []
    for name, values in zip(columns, cells):
        if name in INTS:  # null in integers, "-" in text (SPEC 4.3)
            long = (name in LONG or wide) and not narrow
            type = pa.int64() if long else pa.int32()
            arrays.append(pa.array([None if v == "-" else int(v) for v in values], type))
        else:
            arrays.append(pa.array(values, pa.string()))
        nullable = not (required and arrays[-1].null_count == 0)
        fields.append(pa.field(name, arrays[-1].type, nullable=nullable))
    return pa.table(arrays, schema=pa.schema(fields))


QUERIES = {
    "top": lambda q: q.filter("action = 'REJECT'").group_by("srcaddr").agg("count()", "sum(bytes)"),
    "count": lambda q: q.agg("count()"),
    "keys": lambda q: q.group_by("bin(start, 1m)", "service(dstport)").agg("distinct(srcaddr)", "max(packets)"),
    "derived": lambda q: q.group_by("client", "service", "direction").agg("connections()", "count()"),
    "first": lambda q: q.group_by("interface-id").agg("first(srcaddr)", "last(end)"),
    "once": lambda q: q.once().group_by("peer").agg("sum(packets)"),
    "dedup": lambda q: q.dedup().agg("count()"),
    "scope": lambda q: q.group_by("scope(srcaddr)", "scope(dstaddr)").agg("count()"),
    "internal": lambda q: q.filter("srcaddr in internal").agg("count()"),
    "having": lambda q: q.group_by("srcaddr").agg(n="count()").having("srcaddr in private and n > 2"),
    "rows": lambda q: q.filter("dstport = 22 and tcp-flags has SYN").select("srcaddr", "bytes", "_line"),
    "head": lambda q: q.select("start", "pkt_src_aws_service").head(30),
    "all": lambda q: q,
    "null": lambda q: q.filter("srcport is null or src in 2001:db8::/32").select("log_status", "srcaddr"),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parquet")
    rows = lines()
    text = folder / "x.log"
    text.write_text(text_of(rows))
    parquet = folder / NAME
    pq.write_table(table_of(rows), parquet, compression="GZIP", row_group_size=137)
    return text, parquet


def answers(source, question, **options):
    table = QUERIES[question](fl.scan(source, **options)).collect()
    stats = table.stats
    return table.to_dicts(), stats.records, stats.nodata, stats.bad_values, [f["fields"] for f in stats.formats]


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("question", QUERIES)
def test_a_parquet_file_gives_the_answers_of_its_text(both, question, threads):
    text, parquet = both
    ours, theirs = (answers(each, question, threads=threads) for each in (text, parquet))
    if question in ("rows", "all"):  # a line of text is one further down, for the header
        ours[0][:] = [{k: v for k, v in row.items() if k != "_line"} for row in ours[0]]
        theirs[0][:] = [{k: v for k, v in row.items() if k != "_line"} for row in theirs[0]]
    assert theirs == ours


@pytest.mark.parametrize("shape", [{}, {"wide": True}, {"narrow": True}, {"required": True}], ids=str)
@pytest.mark.parametrize("codec", ["GZIP", "SNAPPY", "NONE", "ZSTD"])
def test_codecs_and_widths_do_not_matter(tmp_path, codec, shape):
    rows = lines(300)
    (tmp_path / "x.txt").write_text(text_of(rows))
    pq.write_table(table_of(rows, **shape), tmp_path / "x", compression=codec, data_page_version="2.0", row_group_size=64)
    assert fl.scan(tmp_path / "x").collect().to_dicts() == fl.scan(tmp_path / "x.txt").collect().to_dicts()
    assert [r.to_dict() for r in fl.scan(tmp_path / "x").records()] == [
        r.to_dict() for r in fl.scan(tmp_path / "x.txt").records()
    ]


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_a_directory_mixes_text_gzip_and_parquet(tmp_path, threads):
    hive = tmp_path / "AWSLogs/aws-account-id=999999999999/aws-service=vpcflowlogs/aws-region=us-east-1/year=2022"
    hive.mkdir(parents=True)
    rows = lines(400)
    (hive / "a.log").write_text(text_of(rows[:100]))
    pq.write_table(table_of(rows[100:200]), hive / "b.log")  # its name says nothing
    with gzip.open(hive / "c.parquet", "wt") as file:  # nor does this one
        file.write(text_of(rows[200:300]))
    pq.write_table(table_of(rows[300:]), hive / NAME)
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".crc").write_text("x")
    (tmp_path / "whole.txt").write_text(text_of(rows))
    expected = fl.scan(tmp_path / "whole.txt").collect().to_dicts()
    (tmp_path / "whole.txt").rename(tmp_path / ".whole")
    files = sorted(str(path) for path in hive.iterdir())
    for source in (tmp_path, str(tmp_path) + "/", str(hive / "*"), files):
        table = fl.scan(source, threads=threads).collect()
        by_source = {name: [] for name in files}
        for row in fl.scan(source, threads=threads).select("_source", "srcaddr", "start").collect():
            by_source[row["_source"]].append(row["start"])
        assert sorted(r["start"] for r in table) == sorted(r["start"] for r in expected)
        assert [len(starts) for starts in by_source.values()] == [100] * 4
        assert table.stats.inputs == 4
    where = fl.scan(tmp_path, threads=threads).group_by("_account", "_region", "_flow_log_id").agg("count()").collect()
    assert where.to_dicts() == [
        {"_account": "123456789012", "_region": "eu-west-3", "_flow_log_id": "fl-0f46d0a2ed744cfa1", "count": 100},
        {"_account": "999999999999", "_region": "us-east-1", "_flow_log_id": None, "count": 300},
    ]


def test_many_files_are_read_like_one(tmp_path):  # more than are looked at beforehand, and than stay open
    rows = lines(300)
    table = table_of(rows)
    for i in range(300):
        pq.write_table(table.slice(i, 1), tmp_path / f"{i:03}.parquet")
    (tmp_path / "_all").write_text(text_of(rows))
    for question in ("all", "top", "derived"):
        # In the order of their names, which is that of the lines.
        ours = QUERIES[question](fl.scan(tmp_path, threads=3)).collect()
        assert ours.to_dicts() == QUERIES[question](fl.scan(tmp_path / "_all")).collect().to_dicts()
        assert ours.stats.inputs == 300


def test_the_command_reads_parquet_and_directories(both, tmp_path):
    text, parquet = both
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x.bin").write_bytes(parquet.read_bytes())
    outputs = [
        subprocess.run(
            [sys.executable, "-m", "flowlogs", "query", "--group-by", "srcaddr", "--agg", "sum(bytes)", "-o", "csv", str(source)],
            check=True, capture_output=True, text=True,
        ).stdout
        for source in (text, parquet, tmp_path / "d")
    ]
    assert outputs[0] == outputs[1] == outputs[2]
    assert len(outputs[0].splitlines()) > 100


def test_arrow_leaves_a_parquet_file_as_it_leaves_its_text(both):
    text, parquet = both
    for columns in ((), ("srcaddr", "bytes", "start", "_account", "_event_time")):
        ours, theirs = (fl.scan(each).select(*columns) if columns else fl.scan(each) for each in (text, parquet))
        ours, theirs = pa.table(ours), pa.table(theirs)
        if columns:
            assert theirs["_account"].to_pylist() == ["123456789012"] * 1_000
            ours, theirs = ours.drop_columns("_account"), theirs.drop_columns("_account")
        assert theirs.schema == ours.schema
        assert theirs.to_pylist() == ours.to_pylist()


# ---- Readers ---------------------------------------------------------------------------------------------------------

HIDE = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hide())
import flowlogs as fl
"""


def run_hidden(hidden, code):
    return subprocess.run(
        [sys.executable, "-c", HIDE.format(hidden=set(hidden)) + code], capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("hidden", [["pyarrow"], ["pyarrow", "duckdb"]], ids=["duckdb", "polars"])
@pytest.mark.parametrize("question", ["top", "all", "derived", "null"])
def test_duckdb_or_polars_read_it_where_pyarrow_is_missing(both, hidden, question):
    pytest.importorskip(["duckdb", "polars"][len(hidden) - 1])
    text, parquet = both
    code = (
        "import sys; sys.path.insert(0, {here!r})\n"
        "import json\n"
        "{query}\n"
        "print(json.dumps([q(fl.scan(p)).collect().to_dicts() for p in {paths!r}]))"
    )
    asked = {
        "top": "q = lambda q: q.filter(\"action = 'REJECT'\").group_by('srcaddr').agg('count()', 'sum(bytes)')",
        "all": "q = lambda q: q",
        "derived": "q = lambda q: q.group_by('client', 'service').agg('connections()')",
        "null": "q = lambda q: q.filter('srcport is null').select('log_status', 'start')",
    }[question]
    result = run_hidden(hidden, code.format(here=os.path.dirname(__file__), query=asked, paths=[str(text), str(parquet)]))
    assert result.returncode == 0, result.stderr
    import json

    ours, theirs = json.loads(result.stdout)
    assert theirs == ours
    assert ours


def test_without_a_reader_the_error_says_what_to_install(both, tmp_path):
    text, parquet = both
    code = f"""
try:
    fl.scan({str(parquet)!r}).collect()
except fl.InputError as error:
    print(error.source); print(error)
try:
    fl.scan([{str(parquet)!r}, {str(text)!r}]).agg("count()").collect()
except fl.InputError as error:
    print(error.table.to_dicts(), error.source)
"""
    result = run_hidden(["pyarrow", "polars", "duckdb"], code)
    assert result.returncode == 0, result.stderr
    source, message, rest = result.stdout.splitlines()
    assert source == str(parquet)
    assert str(parquet) in message and "pip install 'flowlogs[frames]'" in message
    assert rest == f"[{{'count': 1000}}] {parquet}"


def test_nothing_heavy_is_imported_for_text(both):  # CONTRACT P8
    text, _ = both
    code = f"import sys; import flowlogs as fl; fl.scan({str(text)!r}).collect(); print({{'pyarrow','polars','duckdb'}} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


# ---- Damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
def test_a_cut_file_ends_alone(both, tmp_path, threads):  # CONTRACT P5
    text, parquet = both
    content = parquet.read_bytes()
    broken = tmp_path / "broken.log.parquet"
    for size in (4, 5, 8, 12, 100, len(content) // 2, len(content) - 9, len(content) - 8, len(content) - 4, len(content) - 1):
        broken.write_bytes(content[:size])
        with pytest.raises(fl.InputError) as raised:
            fl.scan([text, broken, parquet], threads=threads).agg("count()").collect()
        assert raised.value.table.to_dicts() == [{"count": 2_000}], size
        assert raised.value.source == str(broken)
        assert [error["source"] for error in raised.value.stats.errors] == [str(broken)]
        assert fl.scan([broken, text], on_error="skip", threads=threads).count() == 1_000


def test_flipped_bytes_are_damage_or_harmless(both, tmp_path):  # CONTRACT P5
    import random

    text, parquet = both
    content = parquet.read_bytes()
    broken = tmp_path / "broken.log.parquet"
    rng = random.Random(7)
    damaged = 0
    for _ in range(60):
        flipped = bytearray(content)
        for _ in range(rng.choice((1, 3, 20))):
            flipped[rng.randrange(4, len(flipped))] ^= 1 << rng.randrange(8)
        broken.write_bytes(flipped)
        try:
            table = fl.scan([broken, text]).group_by("_source").agg("count()", "sum(bytes)").collect()
        except fl.InputError as error:
            damaged += 1
            assert {e["source"] for e in error.stats.errors} == {str(broken)}
            table = error.table
        except fl.Error as error:  # a column has another name or type: no flow log
            assert str(broken) in str(error)
            continue
        counts = {row["_source"]: row["count"] for row in table}
        assert counts[str(text)] == 1_000
        assert counts.get(str(broken), 0) <= 1_000
    assert damaged > 20


def test_a_parquet_file_that_is_no_flow_log_is_an_error_of_it_alone(both, tmp_path):
    text, _ = both
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1], "b": [[1]]}), other)
    with pytest.raises(fl.InputError) as raised:
        fl.scan([text, other]).agg("count()").collect()
    assert raised.value.table.to_dicts() == [{"count": 1_000}]
    assert str(other) in str(raised.value)


# ---- Memory ----------------------------------------------------------------------------------------------------------

MEASURE = """
import sys
import pyarrow.parquet
import flowlogs as fl

def peak():  # of this program: ru_maxrss would begin with that of the parent
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

before = peak()
table = fl.scan(sys.argv[1], threads=2).group_by("dstport").agg("count()", "sum(bytes)", "approx_distinct(srcaddr)").collect()
print(table.stats.records, (peak() - before) // 1024)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux tells the peak")
def test_a_big_file_is_streamed(tmp_path, capsys):
    path = tmp_path / "big.parquet"
    rows = 100_000
    import random

    rng = random.Random(1)
    source = pa.array([f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}" for _ in range(rows)])
    with pq.ParquetWriter(path, pa.schema([("srcaddr", pa.string()), ("dstport", pa.int32()), ("bytes", pa.int64())]),
                          compression="NONE", use_dictionary=False) as writer:
        for group in range(48):
            table = pa.table(
                {"srcaddr": source, "dstport": pa.array([443] * rows, pa.int32()),
                 "bytes": pa.array(range(group, group + rows), pa.int64())}
            )
            writer.write_table(table, row_group_size=1 << 20)
    size = path.stat().st_size >> 20
    # What is held, not what a pool keeps for later: pyarrow's own takes 64 MiB more, of files of any size.
    env = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    result = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True, env=env)
    records, mebibytes = map(int, result.stdout.split())
    with capsys.disabled():
        print(f"\n{records:,} records of a Parquet file of {size} MiB: {mebibytes} MiB above the process with pyarrow")
    assert records == 48 * rows
    assert size >= 100
    assert mebibytes < 64
