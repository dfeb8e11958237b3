"""File objects, and sources of all kinds in one scan: CONTRACT P1, P2, P5."""

import gzip
import io
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import flowlogs as fl
import pytest
from conftest import DATA


class Reader:
    """The least that is a file: read(size) gives the pieces (those of more than 64 KiB as they are), or raises them."""

    def __init__(self, *pieces):
        self._pieces = list(pieces)

    def read(self, size):
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, BaseException):
            raise piece
        if piece and size < len(piece) <= 1 << 16:
            self._pieces.insert(0, piece[size:])
            return piece[:size]
        return piece


def zstd(content):
    """A frame with one block, which is stored as it is."""
    assert len(content) < 1 << 17
    header = b"\x28\xb5\x2f\xfd\xa0" + len(content).to_bytes(4, "little")
    return header + (len(content) << 3 | 1).to_bytes(3, "little") + content


@pytest.fixture
def content(noise):
    return noise.read_bytes()


@pytest.fixture(params=[1, 3])
def threads(request):
    return request.param


def test_files_that_are_open_for_bytes_are_sources(noise, content, tmp_path, threads):  # CONTRACT P1
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(content))
    half = len(content) // 2
    expected = fl.scan(noise).group_by("srcaddr").collect().to_dicts()
    files = [
        open(noise, "rb"),
        open(noise, "rb", buffering=0),
        open(packed, "rb"),  # what is in it is told by its content
        gzip.open(packed),
        io.BytesIO(content),
        io.BytesIO(gzip.compress(content)),
        urllib.request.urlopen(noise.as_uri()),
        Reader(content[:half], memoryview(content)[half:]),
        Reader(*(bytearray([byte]) for byte in content)),
    ]
    for file in files:
        assert fl.scan(file, threads=threads).group_by("srcaddr").collect().to_dicts() == expected, file
    for file in files:
        getattr(file, "close", lambda: None)()


def test_a_socket_is_read_to_its_end(content, threads):
    ours, theirs = socket.socketpair()

    def send():
        for begin in range(0, len(content), 1000):
            ours.sendall(content[begin : begin + 1000])
            time.sleep(0.01)
        ours.shutdown(socket.SHUT_WR)

    with ours, theirs, theirs.makefile("rb") as file:
        sender = threading.Thread(target=send)
        sender.start()
        assert sum(1 for _ in fl.scan(file, threads=threads).records()) == 99
        sender.join()


def test_a_file_is_read_from_where_it_stands_and_called_by_its_name(noise, content):
    file = io.BytesIO(b"skip this\n" + content)
    file.seek(10)
    assert fl.scan(file).count() == 99
    assert file.read() == b""
    with open(noise, "rb") as file:
        assert next(fl.scan(file).records()).source == str(noise)
    assert next(fl.scan(io.BytesIO(content)).records()).source == "<file>"
    with os.fdopen(os.open(noise, os.O_RDONLY), "rb") as file:  # its name is a number
        assert next(fl.scan(file).records()).source == "<file>"


def test_a_file_is_read_once_and_a_second_run_says_so(content):  # CONTRACT P2
    logs = fl.scan(io.BytesIO(content))
    assert logs.columns[0] == "version"  # a look at the beginning takes nothing away
    assert logs.count() == 99
    with pytest.raises(fl.Error, match="<file>: it can be read only once"):
        logs.count()
    file = io.BytesIO(content)
    with pytest.raises(fl.ArgumentError, match="given twice"):
        fl.scan([file, file])


def test_two_passes_over_a_file(noise, content, threads):  # CONTRACT D1
    for ask in (
        lambda logs: logs.once().agg("count()", "sum(bytes)").collect(),
        lambda logs: logs.group_by("direction", "service").collect(),
        lambda logs: logs.select("client", "srcaddr").collect(),
    ):
        assert ask(fl.scan(io.BytesIO(content), threads=threads)).to_dicts() == ask(fl.scan(noise)).to_dicts()


def test_files_paths_and_bytes_in_one_list(samples, content, threads):  # CONTRACT F10, P1
    packed = gzip.compress(content)
    sources = [samples[0], io.BytesIO(content), content, Reader(packed[:50], packed[50:]), samples[2]]
    rows = [(r["_source"], r["_line"]) for r in fl.scan(sources, threads=threads).select("_source", "_line").collect()]
    expected = [
        (source, r["_line"])
        for source, each in [
            (samples[0], samples[0]),
            ("<file>", content),
            ("<bytes>", content),
            ("<file>", content),
            (samples[2], samples[2]),
        ]
        for r in fl.scan(each).select("_line").collect()
    ]
    assert rows == expected


def test_a_glob_of_mixed_kinds_is_one_input(noise, content, tmp_path, threads):  # CONTRACT P1, F10
    (tmp_path / "a.log").write_bytes(content)
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(content))
    (tmp_path / "c.log.zst").write_bytes(zstd(content))
    (tmp_path / "d.log").write_bytes(gzip.compress(content) + gzip.compress(content))  # told by content
    table = fl.scan(tmp_path / "*.log*", threads=threads).select("_source", "_line", "srcaddr").collect()
    assert [os.path.basename(each) for each in dict.fromkeys(table["_source"])] == [
        "a.log",
        "b.log.gz",
        "c.log.zst",
        "d.log",
    ]
    once = fl.scan(noise).select("srcaddr").collect()["srcaddr"]
    assert table["srcaddr"] == once * 5
    assert table.stats.inputs == 4


def test_mapped_files_give_the_same_answers(noise, samples, line, tmp_path, command):  # CONTRACT C3
    path = tmp_path / "large.log"
    path.write_text("".join(line(srcport=port % 60_000, bytes=port) for port in range(20_000)))
    for source in (path, noise, samples, [samples[1], path, noise]):
        read, mapped = fl.scan(source), fl.scan(source, mmap=True)
        assert mapped.group_by("srcaddr", "srcport").collect().to_dicts() == (
            read.group_by("srcaddr", "srcport").collect().to_dicts()
        )
        assert mapped.collect().to_dicts() == read.collect().to_dicts()
        assert mapped.once().count() == read.once().count()
        assert mapped.check().to_dict() == read.check().to_dict()
    arguments = ("query", "--group-by", "srcport", path)
    assert command(*arguments, "--mmap").stdout == command(*arguments).stdout
    assert "SIGBUS" in command("query", "--help").stdout


def test_more_files_than_can_be_open(line, tmp_path):
    for i in range(300):
        (tmp_path / f"{i}.log").write_text(line(bytes=i))
    program = (
        "import flowlogs as fl, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "for mmap in (False, True):\n"
        "    logs = fl.scan(sys.argv[1], threads=2, mmap=mmap)\n"
        "    print(logs.count(), logs.once().count(), len(logs.select('bytes').collect()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "*.log"], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("300 300 300\n" * 2, "")


# ---- What goes wrong -------------------------------------------------------------------------------------------------


def test_a_file_that_is_open_for_text_is_a_type_error(noise):
    with open(noise) as file, pytest.raises(TypeError, match='open it with "rb"'):
        fl.scan(file)
    with pytest.raises(TypeError, match='open it with "rb"'):
        fl.scan([noise, io.StringIO("text")])
    with pytest.raises(TypeError, match="read\\(\\) gave str, not bytes"):  # told when it is read
        fl.scan(Reader("text")).count()


def test_what_read_raises_ends_the_input_as_damage(content, noise, threads):  # CONTRACT P5
    lines = content.splitlines(keepends=True)
    for wrong, message in (
        (ConnectionResetError("the peer went away"), "ConnectionResetError: the peer went away"),
        (ValueError(), "ValueError"),
        (None, "read\\(\\) gave None"),
        (b"x" * (1 << 24), "read\\(\\d+\\) gave 16777216 bytes"),
    ):
        pieces = [b"".join(lines[:50]), b"".join(lines[50:70]) + lines[70][:20], wrong]
        with pytest.raises(fl.InputError, match=message) as raised:
            fl.scan([Reader(*pieces), noise], threads=threads).agg("count()").collect()
        assert raised.value.source == "<file>"
        assert raised.value.table[0]["count"] == 69 + 99
        assert raised.value.stats.problems == {"unfinished-line": 1}


def test_what_is_not_raised_for_a_file_ends_the_run(content, threads):
    for stop in (KeyboardInterrupt, SystemExit):
        with pytest.raises(stop):
            fl.scan([Reader(content, stop()), content], threads=threads).count()


def test_a_file_may_be_read_by_an_arrow_consumer(content, noise):
    duckdb = pytest.importorskip("duckdb")
    pyarrow = pytest.importorskip("pyarrow")
    assert pyarrow.RecordBatchReader.from_stream(fl.scan(io.BytesIO(content))).read_all().num_rows == 99
    logs = fl.scan(io.BytesIO(content))  # noqa: F841 (DuckDB finds it by its name)
    reader = pyarrow.RecordBatchReader.from_stream(logs)  # noqa: F841
    assert duckdb.sql("select count(*) from reader").fetchall() == [(99,)]
    with pytest.raises(OSError, match="boom"):
        pyarrow.RecordBatchReader.from_stream(fl.scan(Reader(content, RuntimeError("boom")))).read_all()


def test_a_file_is_let_go_with_the_last_plan(content):
    class Noted(Reader):
        gone = []

        def __del__(self):
            self.gone.append(True)

    logs = fl.scan(Noted(content))
    query = logs.filter("bytes > 0")
    del logs
    assert query.count() and not Noted.gone
    del query
    assert Noted.gone


def test_standard_input_of_python_is_a_source():
    program = "import flowlogs as fl, sys; print(fl.scan(sys.stdin.buffer).count())"
    with open(DATA / "internet-noise-v2.log", "rb") as file:
        done = subprocess.run([sys.executable, "-c", program], stdin=file, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("99\n", "")
