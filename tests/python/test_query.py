"""fl.scan(), fl.Query, fl.collect_all() and fl.Run."""

import collections
import gc
import gzip
import mmap
import pathlib
import random
import threading
import time

import pytest

import flowlogs as fl


@pytest.fixture
def rows(noise):
    """The sample's records as dicts, split by Python alone."""
    header, *lines = noise.read_text().splitlines()
    names = header.replace("-", "_").split()
    return [dict(zip(names, line.split())) for line in lines]


# Sources


def test_a_source_is_a_path_a_glob_or_a_list(noise, samples):  # CONTRACT P1
    assert fl.scan(str(noise)).count() == fl.scan(noise).count() == 99
    assert fl.scan(str(noise.parent / "*.log*")).count() == 112
    assert fl.scan(samples).count() == fl.scan(map(pathlib.Path, samples)).count() == 112
    assert fl.scan(samples).collect().stats.inputs == 3


def test_bytes_like_objects_are_the_content(noise):  # CONTRACT P1
    content = noise.read_bytes()
    for source in (
        content,
        bytearray(content),
        memoryview(content),
        memoryview(content).cast("B"),
        gzip.compress(content),
    ):
        assert fl.scan(source).count() == 99
    assert fl.scan([content, noise, content]).count() == 297
    assert fl.scan(b"").count() == 0


def test_a_mapped_file_is_read_in_place(noise):
    with noise.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        logs = fl.scan(content)
        assert logs.count() == 99
        del logs


def test_a_buffer_is_kept_alive_and_exported(noise):  # CONTRACT C3
    content = bytearray(noise.read_bytes())
    logs = fl.scan(content).filter("rejected")
    with pytest.raises(BufferError):
        content.append(0)  # it would move under the plan
    kept = logs.agg("count()")
    del logs
    with pytest.raises(BufferError):
        content.append(0)
    records = kept.filter("bytes > 0")
    del kept, records
    gc.collect()
    content.append(0)

    logs = fl.scan(bytes(noise.read_bytes()))  # nobody else holds these bytes
    gc.collect()
    iterator = logs.records()
    del logs
    assert sum(1 for _ in iterator) == 99


def test_a_buffer_with_holes_is_refused(noise):
    with pytest.raises(BufferError):
        fl.scan(memoryview(noise.read_bytes())[::2])


def test_paths_of_any_bytes_are_found(tmp_path, noise):
    path = bytes(tmp_path) + b"/\xff\xfe log.txt"
    with open(path, "wb") as file:
        file.write(noise.read_bytes())

    class Path:
        def __fspath__(self):
            return path

    assert fl.scan(Path()).count() == 99
    assert next(fl.scan(Path()).records()).source.endswith(r"\xff\xfe log.txt")


@pytest.mark.parametrize("source", [3, None, [3], [None], [[b""]]])
def test_other_sources_are_type_errors(source):
    with pytest.raises(TypeError, match="path, bytes, or a list"):
        fl.scan(source)


def test_what_is_not_built_yet_says_so():
    for source in ("http://example.com/a.log", "https://example.com/a.log"):
        with pytest.raises(ValueError, match="sources are not read"):
            fl.scan(source)


def test_wrong_options_are_told(noise):
    with pytest.raises(TypeError, match="'max_lines'"):
        fl.scan(noise, max_lines=3)
    for options in (
        {"threads": 0},
        {"threads": -1},
        {"max_line_bytes": 0},
        {"block_bytes": 2**70},
        {"on_error": "ignore"},
    ):
        with pytest.raises(fl.ArgumentError, match=next(iter(options))):
            fl.scan(noise, **options)
    with pytest.raises(TypeError, match="threads"):
        fl.scan(noise, threads="2")
    with pytest.raises(fl.FormatError):
        fl.scan(noise, format="${version")


# Plans


def test_groups_equal_an_independent_count(rows, noise):
    flows = collections.Counter()
    total = collections.Counter()
    ports = collections.defaultdict(set)
    for row in rows:
        if row["action"] == "REJECT":
            flows[row["srcaddr"]] += 1
            total[row["srcaddr"]] += int(row["bytes"])
            ports[row["srcaddr"]].add(row["dstport"])
    query = fl.scan(noise).filter("action = 'REJECT'").group_by("srcaddr")
    query = query.agg(bytes=fl.sum("bytes"), flows=fl.count(), ports=fl.distinct("dstport"))
    table = query.sort("bytes", descending=True).head(1000).collect()
    found = {row["srcaddr"]: (row["bytes"], row["flows"], row["ports"]) for row in table}
    assert found == {address: (total[address], flows[address], len(ports[address])) for address in flows}
    assert table["bytes"] == sorted(total.values(), reverse=True)


def test_names_of_aggregates_and_keys(noise):  # CONTRACT L8
    logs = fl.scan(noise)
    table = logs.group_by("bin(start, 5m)", net="prefix(srcaddr, 16)").agg("sum(bytes)", n="count()").collect()
    assert table.columns == ["bin_start_5m", "net", "sum_bytes", "n"]
    assert logs.group_by("t=bin(start, 5m)").agg("flows=count()").collect().columns == ["t", "flows"]
    assert [
        fl.count(),
        fl.count("bytes"),
        fl.sum("bytes"),
        fl.min("a"),
        fl.max("a"),
        fl.mean("a"),
        fl.distinct("a"),
    ] == ["count()", "count(bytes)", "sum(bytes)", "min(a)", "max(a)", "mean(a)", "distinct(a)"]
    every = {name: getattr(fl, name)("bytes") for name in ("count", "sum", "min", "max", "mean", "distinct")}
    assert logs.agg(**every).collect().columns == list(every)


def test_without_keys_there_is_one_row_even_of_nothing():  # CONTRACT L10, L9
    table = fl.scan(b"version bytes\n").agg(n=fl.count(), total=fl.sum("bytes")).collect()
    assert table.to_dicts() == [{"n": 0, "total": None}]


def test_select_sort_and_head(rows, noise):
    table = fl.scan(noise).select("srcaddr", "bytes").sort("bytes", descending=True).sort("srcaddr").head(5).collect()
    expected = sorted(rows, key=lambda row: (-int(row["bytes"]), tuple(map(int, row["srcaddr"].split(".")))))[:5]
    assert table.to_dicts() == [{"srcaddr": row["srcaddr"], "bytes": int(row["bytes"])} for row in expected]
    ascending = fl.scan(noise).select("bytes").sort("bytes").collect()["bytes"]
    assert ascending == sorted(int(row["bytes"]) for row in rows)


def test_without_steps_every_column_is_given(rows, noise):  # CONTRACT L12
    logs = fl.scan(noise)
    assert logs.columns == list(rows[0])
    assert [{key: str(value) for key, value in row.items()} for row in logs.to_dicts()] == rows


def test_plans_are_values(noise):
    logs = fl.scan(noise)
    rejected = logs.filter("rejected")
    assert (logs.count(), rejected.count(), logs.count()) == (99, 67, 99)
    assert rejected.filter("dstport = 22").count() == 0
    assert repr(rejected.group_by("srcaddr").agg(n="count()").sort("n", descending=True).head(3)) == (
        f"<flowlogs.Query scan({str(noise)!r}).filter('rejected').group_by('srcaddr').agg(n='count()')"
        ".sort('n', descending=True).head(3)>"
    )


def test_count_is_the_number_of_records_or_of_rows(noise):
    logs = fl.scan(noise)
    assert logs.select("bytes").sort("bytes").count() == 99
    assert logs.head(7).count() == 7
    assert logs.group_by("action").count() == 2
    assert logs.agg("count()").count() == 1


def test_calls_without_arguments_are_type_errors(noise):
    logs = fl.scan(noise)
    for call in (logs.group_by, logs.agg, logs.select, logs.sort):
        with pytest.raises(TypeError, match="at least one"):
            call()
        with pytest.raises(TypeError, match="str"):
            call(3)
    with pytest.raises(TypeError, match="str"):
        logs.filter(3)
    with pytest.raises(fl.ArgumentError, match="head"):
        logs.head(-1)


def test_head_without_sort_stops_early_and_says_so(noise):  # CONTRACT F9
    table = fl.scan(noise).head(5).collect()
    assert len(table) == 5 and not table.complete and not table.stats.complete
    assert table.stats.records < 99
    assert fl.scan(noise).head(0).collect().to_dicts() == []


# One pass, threads


def test_collect_all_answers_as_collect_does(noise):
    logs = fl.scan(noise)
    queries = [
        logs.filter("rejected").group_by("dstport").agg("count()"),
        logs.agg(total=fl.sum("bytes")),
        logs.select("srcaddr").filter("dstport = 443"),
    ]
    tables = fl.collect_all(queries)
    assert [table.to_dicts() for table in tables] == [query.to_dicts() for query in queries]
    assert [table.stats.records for table in tables] == [99, 99, 99]
    assert fl.collect_all([]) == []
    with pytest.raises(fl.ArgumentError, match="same scan"):
        fl.collect_all([logs.agg("count()"), fl.scan(noise).agg("count()")])
    with pytest.raises(TypeError):
        fl.collect_all([3])


def test_answers_do_not_depend_on_threads_and_blocks(samples):  # CONTRACT F10
    def answer(**options):
        logs = fl.scan(samples, **options)
        return (
            logs.filter("bytes > 100")
            .group_by("srcaddr", "service")
            .agg("count()", "sum(bytes)", "mean(bytes)")
            .collect()
            .to_json(),
            logs.collect().to_csv(),
            [(record.source, record.line_number, record.line) for record in logs.filter("rejected").records()],
            logs.check().to_json(),
        )

    expected = answer(threads=1)
    for threads in (1, 2, 7):
        for block_bytes in (1, 100, 1000, 10**6):
            assert answer(threads=threads, block_bytes=block_bytes) == expected


def test_the_gil_is_released_while_scanning(line):  # CONTRACT P7
    logs = fl.scan([line().encode() * 200_000] * 20, threads=1)
    query = logs.group_by("srcaddr", "dstport").agg("sum(bytes)", "distinct(srcport)")
    steps = 0
    in_one = [0]  # steps in the time of each collect(): with the GIL held there would be one or two

    def work():
        while max(in_one) <= 10 and len(in_one) < 50:  # a busy machine may not let us step
            before = steps
            query.collect()
            in_one.append(steps - before)

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        steps += 1
        time.sleep(0.001)
    assert max(in_one) > 10


def test_one_plan_may_run_in_many_threads(noise):
    query = fl.scan(noise).group_by("srcaddr").agg("sum(bytes)")
    expected = query.to_dicts()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(query.to_dicts())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 8


# Records


def test_records_are_those_of_the_file(rows, noise):  # CONTRACT P3
    records = list(fl.scan(noise).records())
    assert [{key: str(value) for key, value in record.to_dict().items()} for record in records] == rows
    assert [record.line_number for record in records] == list(range(2, 101))
    assert {record.source for record in records} == {str(noise)}
    assert [fl.parse(record.line) for record in records] == records


def test_records_takes_filter_and_head_and_nothing_else(noise):
    logs = fl.scan(noise)
    assert sum(1 for _ in logs.filter("rejected").records()) == 67
    assert sum(1 for _ in logs.head(3).records()) == 3
    for query in (logs.select("bytes"), logs.group_by("bytes"), logs.agg("count()"), logs.sort("bytes")):
        with pytest.raises(fl.ArgumentError, match="records()"):
            query.records()


def test_bad_values_are_none_in_records(line):  # CONTRACT F4
    (record,) = fl.scan(line(srcport="x").encode()).records()
    assert record.srcport is None and record.raw("srcport") == "x" and record.dstport == 443


def test_records_are_read_as_they_are_asked_for(line, tmp_path):
    path = tmp_path / "big.log"
    path.write_text(line() * 300_000)
    begin = time.process_time()
    assert sum(1 for _ in fl.scan(path, threads=1).filter("srcport = 1").records()) == 0
    whole = time.process_time() - begin
    records = fl.scan(path, threads=1).records()
    begin = time.process_time()
    first = next(records)
    stats = records.stats
    del records  # stops the run and joins its threads
    assert time.process_time() - begin < max(whole, 0.05)
    assert first.dstport == 443 and stats.records < 300_000


def test_formats_may_change_in_the_middle():  # CONTRACT F2
    text = b"version srcaddr bytes\n2 10.0.0.1 5\nsrcaddr vpc-id\n10.0.0.2 vpc-1\n"
    records = list(fl.scan(text).records())
    assert [record.to_dict() for record in records] == [
        {"version": 2, "srcaddr": "10.0.0.1", "bytes": 5},
        {"srcaddr": "10.0.0.2", "vpc_id": "vpc-1"},
    ]
    assert fl.scan(text).select("vpc-id").collect()["vpc_id"] == [None, "vpc-1"]


def test_an_iterator_that_runs_in_one_thread_refuses_another(line):
    records = fl.scan(line().encode() * 100_000).filter("srcport = 1").records()
    refused = []

    def work():
        try:
            for _ in records:
                pass
        except RuntimeError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("another thread" in text for text in refused)


# Push


def test_a_run_fed_in_random_pieces_answers_as_collect_does(noise):
    content = noise.read_bytes()
    query = fl.scan(content).filter("rejected").group_by("dstport").agg("count()", "sum(bytes)")
    expected = query.collect()
    chance = random.Random(7)
    for _ in range(40):
        run = query.start()
        begin = 0
        while begin < len(content):
            end = begin + chance.choice([1, 2, 63, 64, 65, 1000, 5000])
            run.feed(chance.choice([bytes, bytearray, memoryview])(content[begin:end]))
            begin = end
        table = run.finish()
        assert table.to_dicts() == expected.to_dicts()
        assert table.stats.to_dict() == expected.stats.to_dict()


def test_a_snapshot_is_the_answer_so_far(line):
    run = fl.scan(b"", format=fl.Format.default()).agg(n="count()").start()
    run.feed(line() + line()[:20])
    snapshot = run.snapshot()
    assert snapshot["n"] == [1] and not snapshot.complete
    run.feed(line()[20:-1])
    table = run.finish()
    assert table["n"] == [2] and table.complete


def test_a_finished_run_takes_nothing_more(line):
    run = fl.scan(b"").agg("count()").start()
    run.feed(line().encode())
    run.finish()
    for call in (lambda: run.feed(b"x"), run.finish):
        with pytest.raises(fl.Error, match="finished"):
            call()
    with pytest.raises(TypeError):
        run.feed(3)


def test_a_run_takes_text_and_refuses_gzip(noise):
    run = fl.scan(b"").agg("count()").start()
    with pytest.raises(fl.InputError, match="gzip"):
        run.feed(gzip.compress(noise.read_bytes()))


def test_only_answers_can_be_pushed_into(noise):
    with pytest.raises(fl.ArgumentError, match="groups, aggregates or selected columns"):
        fl.scan(noise).start()
