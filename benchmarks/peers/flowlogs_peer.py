"""flowlogs itself, as it is called: the package on PYTHONPATH.   --threads N, --mmap 1"""

import worker

try:
    import flowlogs as fl
except ImportError as problem:
    worker.give_up(f"flowlogs is not built: {problem}")

options = {"threads": int(worker.option("--threads", "2"))}
if worker.option("--mmap"):
    options["mmap"] = True
    try:
        fl.scan(b"", **options)
    except TypeError:
        worker.give_up("this version has no mmap=")


def rows(query):
    table = query.collect()
    assert table.complete and not table.stats.problems, table.stats.problems
    return [list(row.values()) for row in table.to_dicts()]


def scan(path):
    return fl.scan(path, **options)


def count_by_action(path):
    return rows(scan(path).group_by("action").agg(n=fl.count()))


def top_sources(path):
    return rows(scan(path).group_by("srcaddr").agg(total=fl.sum("bytes")).sort("total", descending=True).head(10))


def rejected_sources(path):
    rejected = scan(path).filter("action = 'REJECT'")
    return rows(rejected.group_by("srcaddr").agg(n=fl.count()).sort("n", descending=True).head(10))


def bins_by_action(path):
    binned = scan(path).group_by("action", bin="bin(start, 5m)")
    return rows(binned.agg(packets=fl.sum("packets"), bytes=fl.sum("bytes")))


def ports_per_rejected_source(path):
    rejected = scan(path).filter("action = 'REJECT'").group_by("srcaddr")
    return rows(rejected.agg(ports=fl.distinct("dstport")).sort("ports", descending=True).head(10))


def five_tuples(path):
    tuples = scan(path).group_by("srcaddr", "dstaddr", "srcport", "dstport", "protocol")
    totals = tuples.agg(packets=fl.sum("packets"), bytes=fl.sum("bytes"))
    return rows(totals.sort("bytes", descending=True).head(10))


def load(path):
    return scan(path).to_arrow()


def what_was_loaded(table):
    import pyarrow.compute as pc

    table.validate(full=True)
    nulls = sum(column.null_count for column in table.columns)
    return [[table.num_rows, pc.sum(table["bytes"]).as_py(), pc.sum(table["packets"]).as_py(), nulls]]


def records(path):
    count = sources = total = 0
    for record in scan(path).records():
        count += 1
        sources += record.srcaddr is not None
        total += record.bytes or 0
    return [[count, sources, total]]


questions = (count_by_action, top_sources, rejected_sources, bins_by_action, ports_per_rejected_source, five_tuples)
worker.serve(fl._core.version_text(), {**{q.__name__: q for q in questions}, "load": (load, what_was_loaded),
                                       "records": records})  # fmt: skip
