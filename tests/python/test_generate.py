"""fl.generate() and `flowlogs generate`."""

import gzip
import io
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest

import flowlogs as fl


def run(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "flowlogs", "generate", *arguments], capture_output=True, **options)


# ---- fl.generate() --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["default", "tgw", "all", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11"])
def test_every_version_is_read_without_a_problem(format):
    log = fl.generate(records=3000, seed=5, format=format)
    assert log == fl.generate(records=3000, seed=5, format=format)
    records = fl.scan(log, on_error="raise").records()
    parsed = [record.to_dict() for record in records]
    stats = records.stats
    assert (stats.records, stats.headers, stats.lines, stats.bad_values, stats.problems) == (3000, 1, 3001, {}, {})
    assert 2 <= stats.nodata + stats.skipdata <= 10
    if format[0] == "v":
        assert {row["version"] for row in parsed} == {int(format[1:])}


def test_every_field_occurs_and_every_value_is_of_its_type():
    present = set()
    for format in ("all", "tgw"):
        names = fl.Format.all().fields if format == "all" else fl.Format.transit_gateway().fields
        log = fl.generate(records=20_000, seed=9, format=format)
        row = fl.scan(log).agg(**{n.replace("-", "_"): fl.count(n) for n in names}).collect()
        assert row.stats.bad_values == {}
        assert row.stats.records == 20_000
        present |= {column for column, count in row[0].items() if count}
    assert present == {field["column"] for field in fl.fields()}


@pytest.mark.parametrize("version", [f"v{n}" for n in range(2, 12)] + ["tgw"])
def test_every_field_of_every_version_occurs(version):
    log = fl.generate(records=20_000, seed=9, format=version)
    logs = fl.scan(log)
    product = "transit-gateway" if version in ("v6", "tgw") else "vpc"
    newest = 6 if version == "tgw" else int(version[1:])
    expected = [field["column"] for field in fl.fields() if field["product"] in ("both", product) and field["since"] <= newest]
    assert sorted(logs.columns) == sorted(expected)
    (row,) = logs.agg(**{column: fl.count(column) for column in logs.columns}).collect().to_dicts()
    assert [column for column, count in row.items() if not count] == []


def test_a_format_may_be_a_format_a_text_or_names():
    wanted = fl.generate(records=50, format=fl.Format.parse("srcaddr bytes"))
    assert wanted.startswith(b"srcaddr bytes\n")
    assert fl.generate(records=50, format="${srcaddr} ${bytes}") == wanted
    assert fl.generate(records=50, format=["srcaddr", "bytes"]) == wanted


def test_tags_are_decoded_texts():
    tags = {r.instance_tag for r in fl.scan(fl.generate(records=5000, format="all")).records()}
    assert {"payments-api", "café", "billing & invoices", None} <= tags


def test_header_and_start():
    log = fl.generate(records=2000, header=False, start="2025-02-03T04:05:06Z")
    assert log == fl.generate(records=2000, header=False, start=1738555506)
    assert log == fl.generate(records=2000, header=False, start="1738555506")
    assert log == fl.generate(records=2000, header=False, start=datetime(2025, 2, 3, 4, 5, 6))
    zone = timezone(timedelta(hours=2))
    assert log == fl.generate(records=2000, header=False, start=datetime(2025, 2, 3, 6, 5, 6, tzinfo=zone))
    table = fl.scan(log).agg(first=fl.min("start"), last=fl.max("end")).collect()
    assert 1738555506 <= table[0]["first"] < 1738555580 < table[0]["last"] < 1738555700


def test_output_takes_paths_and_files(tmp_path):
    log = fl.generate(records=4000, seed=1)
    assert fl.generate(records=4000, seed=1, output=tmp_path / "a.log") is None
    assert (tmp_path / "a.log").read_bytes() == log
    file = io.BytesIO()
    fl.generate(records=4000, seed=1, output=file)
    assert file.getvalue() == log
    fl.generate(records=4000, seed=1, output=str(tmp_path / "a.log.gz"))
    packed = (tmp_path / "a.log.gz").read_bytes()
    assert gzip.decompress(packed) == log
    assert packed == fl.generate(records=4000, seed=1, gzip=True)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"hosts": 0}, "hosts: 0 is not between 1 and 20000"),
        ({"hosts": 2**40}, "hosts: 1099511627776 is out of range"),
        ({"records": -1}, "records: -1 is out of range"),
        ({"start": "yesterday"}, "start: 'yesterday' is no time"),
        ({"start": 10**11}, "start: 100000000000 is not between"),
        ({"format": "action tgw-id"}, "no flow log has both"),
    ],
)
def test_wrong_options_are_argument_errors(options, message):
    with pytest.raises(fl.ArgumentError, match=message):
        fl.generate(**options)


def test_a_wrong_format_is_a_format_error(tmp_path):
    with pytest.raises(fl.FormatError, match="did you mean"):
        fl.generate(format="srcadr", output=tmp_path / "none.log")
    assert not (tmp_path / "none.log").exists()
    with pytest.raises(TypeError):
        fl.generate(format=5)


# ---- The command ----------------------------------------------------------------------------------------------------


def test_the_command_writes_what_generate_gives(tmp_path):
    done = run("--records", "2k", "--seed", "7", "--format", "v5", "--hosts", "40", "--start", "2026-01-01")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == fl.generate(records=2000, seed=7, format="v5", hosts=40, start="2026-01-01")
    path = tmp_path / "any.name"
    done = run("-n", "10", "--no-header", "--gzip", "-o", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert gzip.decompress(path.read_bytes()) == fl.generate(records=10, header=False)


def test_the_command_compresses_gz_files_and_reads_them_again(tmp_path):
    path = tmp_path / "x.log.gz"
    assert run("--records", "500", "--format", "tgw", "-o", str(path)).returncode == 0
    assert fl.scan(path).count() == 500
    assert path.read_bytes()[:2] == b"\x1f\x8b"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--records", "x"], "'x' is not a number"),
        (["--hosts", "0"], "hosts: 0 is not between"),
        (["--format", "srcadr"], "did you mean srcaddr?"),
        (["--start", "noon"], "'noon' is no time"),
        (["some.log"], "reads no FILES"),
        (["-o", os.path.join("no", "such", "folder", "x.log")], "cannot be written"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, message):
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert done.stdout == b""


def test_a_closed_pipe_is_quiet():
    with subprocess.Popen([sys.executable, "-m", "flowlogs", "generate", "--records", "1M"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:  # fmt: skip
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(300) == 0
