"""Query.convert() and `flowlogs convert`."""

import csv
import gzip
import io
import json

import pyarrow.parquet
import pytest

import flowlogs as fl


@pytest.fixture(scope="module")
def made():
    """Every VPC field, IPv6, NODATA, SKIPDATA, missing values."""
    return fl.generate(records=3000, seed=4, format="all", hosts=20)


@pytest.fixture
def rows(made):
    return fl.scan(made).collect().to_dicts()


def written(logs, format, **options):
    buffer = io.BytesIO()
    stats = logs.convert(buffer, format=format, **options)
    assert stats.complete and stats.records == 3000
    return buffer.getvalue()


def test_ndjson_has_every_value(made, rows):
    lines = written(fl.scan(made), "ndjson").decode().splitlines()
    assert [json.loads(line) for line in lines] == rows


@pytest.mark.parametrize("format, delimiter", [("csv", ","), ("tsv", "\t")])
def test_csv_and_tsv_have_every_value(made, rows, format, delimiter):
    text = written(fl.scan(made), format).decode()
    header, *lines = csv.reader(io.StringIO(text), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL)
    assert header == list(rows[0])
    assert lines == [["" if value is None else str(value) for value in row.values()] for row in rows]


def test_parquet_has_every_value_in_the_types_of_aws(made, rows):
    table = pyarrow.parquet.read_table(io.BytesIO(written(fl.scan(made), "parquet")))
    assert table.to_pylist() == rows
    expected = {field["column"]: {"int32": "int32", "int64": "int64", "time": "int64"}.get(field["type"], "string") for field in fl.fields()}
    assert {field.name: str(field.type) for field in table.schema} == {name: expected[name] for name in rows[0]}


def test_fields_and_filters_choose(made, rows, tmp_path):
    path = tmp_path / "some.parquet"
    stats = fl.scan(made).filter("dstport = 443").convert(path, fields=["srcaddr", "net=prefix(dstaddr, 8)"])
    assert stats.records == 3000
    wanted = [row["srcaddr"] for row in rows if row["dstport"] == 443]
    assert pyarrow.parquet.read_table(path).column("srcaddr").to_pylist() == wanted and wanted
    assert pyarrow.parquet.read_schema(path).names == ["srcaddr", "net"]


def test_an_empty_answer_is_still_a_table(made, tmp_path):
    logs = fl.scan(made).filter("dstport = 1 and dstport = 2").select("srcaddr", "bytes")
    for ending, content in (("csv", b"srcaddr,bytes\r\n"), ("tsv", b"srcaddr\tbytes\n"), ("ndjson", b"")):
        logs.convert(tmp_path / f"a.{ending}")
        assert (tmp_path / f"a.{ending}").read_bytes().replace(b"\r\n", b"\n") == content.replace(b"\r\n", b"\n")
    logs.convert(tmp_path / "a.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet").schema.names == ["srcaddr", "bytes"]


def test_the_command_writes_files_and_streams(command, made, rows, tmp_path):
    log = tmp_path / "made.log"
    log.write_bytes(made)
    for ending in ("ndjson", "csv", "tsv", "parquet"):
        path = tmp_path / f"out.{ending}"
        process = command("convert", "-o", path, log)
        assert process.returncode == 0 and process.stdout == "" and process.stderr == ""
        buffer = io.BytesIO()
        fl.scan(log).convert(buffer, format=ending)
        assert path.read_bytes() == buffer.getvalue()
        assert command("convert", "-o", ending, log, encoding=None).stdout == buffer.getvalue()
    process = command("convert", log)
    assert process.returncode == 2 and "-o" in process.stderr
    assert command("convert", "-o", "x.xml", log).returncode == 2


@pytest.mark.parametrize(
    "verb",
    [
        ["query", "--group-by", "dstport, bin(start, 5m)", "--agg", "flows=count(), mean=mean(bytes)"],
        ["query", "--where", "rejected"],
        ["top", "service"],
        ["records", "--fields", "srcaddr, service, duration"],
        ["conversations"],
        ["timeline", "--bin", "5m"],
        ["fields"],
    ],
    ids=lambda verb: verb[0],
)
def test_answers_that_are_tables_are_parquet_and_arrow_too(command, noise, tmp_path, verb):  # CONTRACT V2
    files = [] if verb[0] == "fields" else [noise]
    expected = [json.loads(line) for line in command(*verb, "-o", "ndjson", *files).stdout.splitlines()]
    for ending, read in (
        ("parquet", lambda file: pyarrow.parquet.read_table(file)),
        ("arrow", lambda file: pyarrow.ipc.open_file(file).read_all()),
    ):
        path = tmp_path / f"answer.{ending}"
        assert command(*verb, "-o", path, *files).returncode == 0
        assert read(path).to_pylist() == expected and expected
    stream = command(*verb, "-o", "arrow", *files, encoding=None).stdout
    assert pyarrow.ipc.open_stream(stream).read_all().to_pylist() == expected


def test_arrow_is_a_file_by_its_path_and_a_stream_elsewhere(made, rows, tmp_path):
    logs = fl.scan(made)
    logs.convert(tmp_path / "a.arrow")
    buffer = io.BytesIO()
    logs.convert(buffer, format="arrow")
    table = pyarrow.ipc.open_file(tmp_path / "a.arrow").read_all()
    table.validate(full=True)
    assert table == pyarrow.ipc.open_stream(buffer.getvalue()).read_all()
    assert table.to_pylist() == rows


def test_damage_leaves_what_was_read(command, noise, tmp_path):  # CONTRACT P5, V5
    cut = tmp_path / "cut.log.gz"
    content = gzip.compress(noise.read_bytes() * 200)
    cut.write_bytes(content[: len(content) // 2])
    logs = fl.scan(cut)
    read = fl.scan(cut, on_error="skip").count()
    assert 0 < read < 99 * 200
    for ending in ("ndjson", "parquet"):
        path = tmp_path / f"api.{ending}"
        with pytest.raises(fl.InputError, match="cut.log.gz") as error:
            logs.convert(path)
        assert error.value.stats.records == read
        process = command("convert", "-o", tmp_path / f"command.{ending}", cut)
        assert process.returncode == 2 and "cut.log.gz" in process.stderr
        assert path.read_bytes() == (tmp_path / f"command.{ending}").read_bytes()
    assert pyarrow.parquet.read_table(tmp_path / "api.parquet").num_rows == read


def test_what_is_wrong_is_said_before_anything_is_written(made, tmp_path):
    for output, format in (("x.xml", None), (tmp_path / "y", "excel")):
        with pytest.raises(fl.ArgumentError, match="csv"):
            fl.scan(made).convert(output, format=format)
    assert list(tmp_path.iterdir()) == []
