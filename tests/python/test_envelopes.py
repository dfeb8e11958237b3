"""Every form in which records arrive that is no plain line of a log: SPEC 4; CONTRACT F2, F3, F9, L13."""

import base64
import gzip
import io
import json
import subprocess
import sys
import zlib

import flowlogs as fl
import pytest
from conftest import HEADER

FIELDS = HEADER.split()


def record(i, **values):
    parts = dict(zip(FIELDS, f"2 123456789012 eni-{i % 7} 10.0.{i >> 8 & 255}.{i & 255} 10.0.1.1 {1024 + i} 443 6 7".split()))
    parts.update({"bytes": 100 + i, "start": 1600000000 + i, "end": 1600000059 + i, "action": "ACCEPT", "log-status": "OK"})
    parts.update({name.replace("_", "-"): value for name, value in values.items()})
    return " ".join(str(parts[field]) for field in FIELDS)


def payload(first, count, kind="DATA_MESSAGE"):
    events = [{"id": str(10**55 + i), "timestamp": (1600000000 + i) * 1000, "message": record(i)} for i in range(first, first + count)]
    return {
        "messageType": kind,
        "owner": "123456789012",
        "logGroup": "/aws/vpc/flowlogs",
        "logStream": "eni-1235b8ca123456789-all",
        "subscriptionFilters": ["Destination"],
        "logEvents": events,
    }


def packed(document):
    return base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()


def flow_records(count, underscored=True, **kinds):
    """Records as JSON objects: numbers as numbers, `-` as null."""
    texts = [dict(zip(FIELDS, record(i).split())) for i in range(count)]
    numbers = "version srcport dstport protocol packets bytes start end".split()
    return [
        {
            (name.replace("-", "_") if underscored else name): int(text) if name in numbers else text
            for name, text in values.items()
        }
        for values in texts
    ]


LINES = "".join(record(i) + "\n" for i in range(30))
EXPECTED = fl.scan(LINES.encode()).group_by("srcaddr").agg("sum(bytes)", "count()", "max(end)").collect().to_dicts()


def csv_of(header, rows, quote=""):
    return "".join(",".join(quote + str(cell) + quote for cell in row) + "\r\n" for row in [header, *rows]).encode()


def forms():
    def dump(document):
        return json.dumps(document).encode()

    whole = payload(0, 30)
    halves = payload(0, 15), payload(15, 15)
    control = payload(0, 1, "CONTROL_MESSAGE")
    events = whole["logEvents"]
    yield "a subscription payload", dump(whole), 0
    yield "the same in one gzip member", gzip.compress(dump(whole)), 0
    yield "pretty-printed", json.dumps(whole, indent=2).encode(), 0
    yield "with sorted keys", json.dumps(whole, sort_keys=True).encode(), 0
    yield "Firehose: members without newlines", b"".join(gzip.compress(dump(p)) for p in (halves[0], control, halves[1])), 1
    yield "Firehose: documents without newlines", b"".join(dump(p) for p in (halves[0], control, control, halves[1])), 2
    yield "Lambda: awslogs", dump({"awslogs": {"data": packed(whole)}}), 0
    kinesis = [{"kinesis": {"data": packed(p), "partitionKey": "k"}, "eventSource": "aws:kinesis"} for p in (control, *halves)]
    yield "Lambda: Kinesis", dump({"Records": kinesis}), 1
    yield "Kinesis: GetRecords", dump({"Records": [{"Data": packed(p), "PartitionKey": "k"} for p in halves]}), 0
    direct = [json.dumps({"message": record(i)}) + "\n" for i in range(30)]
    firehose = [{"recordId": str(i), "data": base64.b64encode(text.encode()).decode()} for i, text in enumerate(direct)]
    yield "Firehose: transformation", dump({"invocationId": "i", "deliveryStreamArn": "a", "region": "r", "records": firehose}), 0
    yield "Firehose: direct", "".join(direct).encode(), 0
    yield "bare base64", packed(whole).encode(), 0
    yield "wrapped base64", base64.encodebytes(gzip.compress(dump(whole))), 0
    yield "FilterLogEvents", dump({"events": [dict(e, eventId=e["id"], logStreamName="s", ingestionTime=1) for e in events], "nextToken": "t"}), 0
    yield "GetLogEvents", dump({"events": [{k: e[k] for k in ("timestamp", "message")} for e in events], "nextForwardToken": "f/1"}), 0
    rows = [[{"field": "@timestamp", "value": "2020-09-13 12:26:40.000"}, {"field": "@message", "value": record(i)}, {"field": "@ptr", "value": "p"}] for i in range(30)]
    yield "Logs Insights: messages", dump({"results": rows, "statistics": {"recordsMatched": 30.0}, "status": "Complete"}), 0
    names = {"srcaddr": "srcAddr", "dstaddr": "dstAddr", "log-status": "logStatus", "interface-id": "interfaceId"}
    rows = [[{"field": names.get(n, n), "value": v} for n, v in zip(FIELDS, record(i).split())] for i in range(30)]
    yield "Logs Insights: fields", dump({"results": rows}), 0
    yield "the console's CSV", csv_of(["timestamp", "message"], [(1600000000000 + i, record(i)) for i in range(30)]), 0
    yield "the console's CSV, quoted", csv_of(["timestamp", "message"], [("1.74257E+12", record(i)) for i in range(30)], '"'), 0
    cells = [record(i).split() for i in range(30)]
    yield "CSV with underscores", csv_of([f.replace("-", "_") for f in FIELDS], cells), 0
    yield "CSV with hyphens", csv_of(FIELDS, cells), 0
    yield "Athena's CSV", csv_of([f.replace("-", "_") for f in FIELDS], cells, '"'), 0
    yield "an export with ISO times", "".join(f"2022-01-01T00:00:00.000Z {record(i)}\n" for i in range(30)).encode(), 0
    yield "an export with epoch times", "".join(f"1640995200000 {record(i)}\n" for i in range(30)).encode(), 0
    yield "records in NDJSON", "".join(json.dumps(r) + "\n" for r in flow_records(30)).encode(), 0
    yield "records in NDJSON with hyphens", "".join(json.dumps(r) + "\n" for r in flow_records(30, False)).encode(), 0
    yield "records in NDJSON as floats", "".join(json.dumps({k: float(v) if isinstance(v, int) else v for k, v in r.items()}) + "\n" for r in flow_records(30)).encode(), 0
    yield "a list of records", dump(flow_records(30)), 0
    yield "a pretty list of records", json.dumps(flow_records(30), indent=1).encode(), 0


FORMS = list(forms())
NAMES = [name for name, _, _ in FORMS]


@pytest.mark.parametrize("name,content,skipped", FORMS, ids=NAMES)
def test_each_form_gives_the_answer_of_the_plain_log(name, content, skipped, tmp_path, command):  # CONTRACT F9, F10
    path = tmp_path / "anything.bin"
    path.write_bytes(content)
    packed_path = tmp_path / "anything.else"
    packed_path.write_bytes(gzip.compress(content))
    sources = [content, path, packed_path, io.BytesIO(content), gzip.compress(gzip.compress(content)), [path]]
    for source in sources:
        for threads in (1, 2, 7):
            if isinstance(source, io.BytesIO):
                source = io.BytesIO(content)
            table = fl.scan(source, threads=threads).group_by("srcaddr").agg("sum(bytes)", "count()", "max(end)").collect()
            assert table.to_dicts() == EXPECTED
            stats = table.stats
            headers = 1 if "CSV with" in name or name == "Athena's CSV" else 0
            assert (stats.lines, stats.records, stats.headers, stats.blank) == (30 + headers, 30, headers, 0)
            assert (stats.problems, stats.skipped, stats.bad_values, stats.complete) == ({}, skipped, {}, True)
    done = command("query", "--group-by", "srcaddr", "--agg", "sum(bytes),count(),max(end)", "-o", "json", "-", stdin=content)
    assert json.loads(done.stdout) == EXPECTED and done.returncode == 0


@pytest.mark.parametrize("name,content,skipped", FORMS, ids=NAMES)
def test_each_form_may_come_byte_by_byte_and_be_read_twice(name, content, skipped):
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7))

    logs = fl.scan(Slow(content))
    # `direction` depends on the whole input: it is kept between two passes.
    table = logs.group_by("direction").agg("sum(bytes)").collect()
    assert sum(row["sum_bytes"] for row in table) == sum(row["sum_bytes"] for row in EXPECTED)


def test_rows_have_the_line_numbers_of_their_messages_and_objects():  # CONTRACT L13
    for content in (FORMS[0][1], "".join(json.dumps(r) + "\n" for r in flow_records(30)).encode()):
        rows = fl.scan(content).select("_line", "bytes").collect().to_dicts()
        assert rows == [{"_line": i + 1, "bytes": 100 + i} for i in range(30)]


def test_the_documented_messages_are_read_as_they_stand():  # SPEC 4.1, 4.4
    control = (
        "H4sIAAAAAAAAADWO0QqCMBiFX2XsOkKJZHkXot5YQgpdhMTSPzfSTbaZhPjuzbTLj3M45xtxC1rTGvJPB9jHQXrOL2lyP4VZdoxDvMFyEKDmpJF9NVBT"
        "skTW2gaNrGMl+85mC2VGAW0X1P1Dl4p3hksR8caA0ti/Fb9e+AZhZhwxr5a64VbD0NaOuR5xPLJzycEh+81fbxa4JmjVQ6uejwIG5YuLGjGgjWFIPlFll7ig"
        "8zOKuAImNWzxVExfL8ipzewAAAA="
    )
    stats = fl.scan(control.encode()).check()
    assert (stats.lines, stats.skipped, stats.complete, stats.problems) == (0, 1, True, {})
    firehose = (
        "eyJtZXNzYWdlIjoiMiAwNTg2OTQ4NTY0NzYgZW5pLTAzYzBmNWJhNzlhNjZlZjE3IDEwLjMuMTY2LjcxIDEwLjMuMTQxLjIwOSA0NDMgMzg2MzQgNiAxMDMg"
        "NDI5MjYgMTY4MDgzODU1NiAxNjgwODM4NTc4IEFDQ0VQVCBPSyJ9Cg=="
    )
    for content in (firehose.encode(), base64.b64decode(firehose)):
        rows = fl.scan(content).select("srcaddr", "bytes", "end").collect().to_dicts()
        assert rows == [{"srcaddr": "10.3.166.71", "bytes": 42926, "end": 1680838578}]


def test_a_sparse_first_object_does_not_hide_columns():  # CONTRACT L12
    objects = [{"srcaddr": "10.0.0.1", "log_status": "NODATA"}, {"log_status": "OK", "bytes": 5, "my_note": "a b", "nested": {"x": 1}}]
    table = fl.scan("\n".join(map(json.dumps, objects)).encode()).collect()
    assert table.to_dicts() == [
        {"srcaddr": "10.0.0.1", "log_status": "NODATA", "bytes": None, "my_note": None, "nested.x": None},
        {"srcaddr": None, "log_status": "OK", "bytes": 5, "my_note": "a%20b", "nested.x": "1"},
    ]
    assert table.stats.nodata == 1


def test_messages_may_be_headers_and_be_of_several_formats():  # CONTRACT F2
    messages = [HEADER, record(1), "srcaddr dstaddr bytes", "10.0.0.9 10.0.0.8 77", ""]
    table = fl.scan("".join(json.dumps({"message": m}) for m in messages).encode()).select("srcaddr", "bytes").collect()
    assert [row["bytes"] for row in table] == [101, 77]
    assert (table.stats.lines, table.stats.headers, table.stats.blank, table.stats.records) == (5, 2, 1, 2)


def test_json_without_any_field_is_counted_as_problems():  # CONTRACT F9
    stats = fl.scan(b'{"level":"info","msg":"x"}\n{"foo":[1]}\n').check()
    assert (stats.lines, stats.records, stats.problems) == (2, 0, {"no-format": 1, "broken-envelope": 1})


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_a_broken_neighbour_costs_no_record(threads):  # CONTRACT F3, F9
    good = [json.dumps(payload(i, 10)) for i in (0, 10, 20)]
    broken = ['{"message": "' + record(1), '{"awslogs":{"data":"H4sIAAAA!"}}', good[1][:400] + "}", "{oops}"]
    content = "\n".join([broken[0], good[0], *broken[1:3], good[1], broken[3], good[2]]).encode()
    table = fl.scan(content, threads=threads).agg("count()", "distinct(srcaddr)").collect()
    stats = table.stats
    assert table[0]["distinct_srcaddr"] == 30
    assert stats.problems == {"broken-envelope": 4} and stats.complete
    assert stats.lines == stats.records + 4
    assert {sample["reason"] for sample in stats.samples} == {"broken-envelope"}
    assert stats.samples[0]["text"] == broken[0][:200] and stats.samples[0]["line"] == 1
    with pytest.raises(fl.ParseError, match="broken-envelope"):
        fl.scan(content, threads=threads, on_error="raise").count()


def test_a_cut_member_delivers_what_is_before_it():  # CONTRACT P5
    members = [gzip.compress(json.dumps(payload(i, 10)).encode()) for i in (0, 10, 20)]
    content = b"".join(members)
    for cut in range(len(content) - 200, len(content), 13):
        with pytest.raises(fl.InputError) as raised:
            fl.scan(content[:cut]).select("bytes").collect()
        assert raised.value.offset and not isinstance(raised.value, fl.LimitError)
        rows = [row["bytes"] for row in raised.value.table]
        assert rows == [100 + i for i in range(len(rows))] and len(rows) >= 20
        assert set(raised.value.stats.problems) <= {"unfinished-line"}


def test_an_s3_notification_says_what_to_do():
    event = {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "logs"}, "object": {"key": "AWSLogs/a%3Db.log.gz"}}}]}
    with pytest.raises(fl.Error, match="names an object and holds no records; read the object: s3://logs/AWSLogs/a=b.log.gz"):
        fl.scan(json.dumps(event).encode()).count()


def test_the_write_test_of_an_export_is_one_problem(tmp_path):
    (tmp_path / "aws-logs-write-test").write_text("Permission Check Successful")
    (tmp_path / "000000.gz").write_bytes(gzip.compress(f"2022-01-01T00:00:00.000Z {record(1)}\n".encode()))
    stats = fl.scan([str(tmp_path / "*")]).check()
    assert (stats.records, stats.problems, stats.errors) == (1, {"broken-envelope": 1}, [])


def test_feed_takes_lines_and_says_so():
    run = fl.scan(b"").agg("count()").start()
    with pytest.raises(fl.InputError, match="feed takes lines; scan the bytes"):
        run.feed(json.dumps(payload(0, 1)).encode())
    run = fl.scan(b"").agg("count()").start()
    run.feed(LINES.encode())
    assert run.finish()[0]["count"] == 30


# ---- Limits -----------------------------------------------------------------------------------------------------------

# Prints the most memory, in MiB, that a process of its own has had, and how it ended.
PEAK = """
import re, sys
import flowlogs as fl
source = sys.argv[1] if len(sys.argv) > 1 else sys.stdin.buffer.read()
outcome = "read"
try: fl.scan(source, threads=2).group_by("dstport").agg("sum(bytes)").collect()
except fl.LimitError as error: outcome = str(error)
print(int(re.search("VmHWM:[^0-9]*([0-9]+)", open("/proc/self/status").read())[1]) >> 10)
print(outcome)
"""


@pytest.fixture(scope="module")
def bomb():
    """An event of about 250 KiB that inflates to 180 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head, tail = json.dumps(payload(0, 1))[:-2].encode(), b"]}"
    event = {"id": "1" * 56, "timestamp": 1600000000000, "message": record(1)}
    part = (b"," + b" " * 4000 + json.dumps(event).encode()) * 1000
    parts = [packer.compress(head)]
    size = 0
    while size < 180_000_000:
        parts.append(packer.compress(part))
        size += len(part)
    return b"".join([*parts, packer.compress(tail), packer.flush()])


@pytest.mark.parametrize("wrap", ["bare", "lambda", "twice", "twice in lambda"])
def test_an_event_that_inflates_to_180_mb_is_refused_in_little_memory(bomb, wrap):
    assert 200 << 10 < len(bomb) < 300 << 10
    content = gzip.compress(bomb) if "twice" in wrap else bomb
    if "lambda" in wrap:
        content = json.dumps({"awslogs": {"data": base64.b64encode(content).decode()}}).encode()
    done = subprocess.run([sys.executable, "-c", PEAK], input=content, capture_output=True, timeout=300)
    peak, outcome = done.stdout.decode().splitlines()
    assert done.stderr == b"" and "over max_event_bytes (67108864)" in outcome
    assert int(peak) < 128


def test_the_limit_of_events_is_an_option(command):  # CONTRACT P4, V4
    content = json.dumps(payload(0, 30)).encode()
    for source in (content, packed(payload(0, 30)).encode()):
        with pytest.raises(fl.LimitError, match=r"max_event_bytes \(4096\)") as raised:
            fl.scan(source, max_event_bytes=4096).agg("count()").collect()
        assert isinstance(raised.value, fl.InputError) and raised.value.table[0]["count"] == 0
        assert fl.scan(source, max_event_bytes=8192).count() == 30
        assert fl.scan(source, max_event_bytes=4096, on_error="skip").count() == 0
        done = command("query", "--agg", "count()", "--limit-event-bytes", "4Ki", "-", stdin=source)
        assert done.returncode == 2 and "max_event_bytes (4096)" in done.stderr


def test_one_pass_over_many_documents_holds_few_of_them(tmp_path):
    path = tmp_path / "many.json"
    document = json.dumps(payload(0, 500)).encode()
    with open(path, "wb") as file:
        for _ in range(800):
            file.write(document)
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, timeout=300)
    peak, outcome = done.stdout.decode().splitlines()
    assert (done.stderr, outcome) == (b"", "read")
    assert int(peak) < 64 < path.stat().st_size >> 20


def test_what_begins_with_an_object_that_is_no_record_still_gives_its_rows():  # CONTRACT F
    broken = b'{"srcaddr":"10.0.0.1x,"in":{"a":1}}\n'  # what is whole in it is an object
    message = b'{"message":"no record"}\n'
    for begin in (b'{"a":1}\n', broken, message, message + b'{"a":1}\n'):
        table = fl.scan(begin + b'{"srcaddr":"10.0.0.2","bytes":1}\n').collect()
        assert len(table) == table.stats.records >= 1
        assert table.to_dicts()[-1]["srcaddr"] == "10.0.0.2" and table.to_dicts()[-1]["bytes"] == 1
