"""Polars on the text: lazy scan, streaming engine. The number of its threads is POLARS_MAX_THREADS."""

import worker

try:
    import polars as pl
except ImportError:
    worker.give_up("polars is not installed")

text = dict.fromkeys(worker.text_fields(), pl.String)


def scan(path):
    return pl.scan_csv(path, separator=" ", null_values="-", quote_char=None, schema_overrides=text)


def rows(query):
    return query.collect(engine="streaming").rows()


def top(groups, by):
    return rows(groups.sort(by, descending=True, nulls_last=True).head(10))


def count_by_action(path):
    return rows(scan(path).group_by("action").agg(pl.len()))


def top_sources(path):
    return top(scan(path).group_by("srcaddr").agg(pl.col("bytes").sum()), "bytes")


def rejected_sources(path):
    return top(scan(path).filter(pl.col("action") == "REJECT").group_by("srcaddr").agg(pl.len()), "len")


def bins_by_action(path):
    # The sum of no values is 0 to Polars and null to SQL.
    sums = [pl.when(pl.col(c).count() > 0).then(pl.col(c).sum()) for c in ("packets", "bytes")]
    return rows(scan(path).group_by("action", (pl.col("start") // 300 * 300).alias("bin")).agg(sums))


def ports_per_rejected_source(path):
    rejected = scan(path).filter(pl.col("action") == "REJECT").group_by("srcaddr")
    return top(rejected.agg(pl.col("dstport").drop_nulls().n_unique()), "dstport")


def five_tuples(path):
    tuples = scan(path).group_by("srcaddr", "dstaddr", "srcport", "dstport", "protocol")
    return top(tuples.agg(pl.col("packets").sum(), pl.col("bytes").sum()), "bytes")


def load(path):
    return scan(path).collect(engine="streaming")


def what_was_loaded(frame):
    return [[frame.height, frame["bytes"].sum(), frame["packets"].sum(), sum(frame.null_count().row(0))]]


questions = (count_by_action, top_sources, rejected_sources, bins_by_action, ports_per_rejected_source, five_tuples)
worker.serve("Polars " + pl.__version__, {**{q.__name__: q for q in questions}, "load": (load, what_was_loaded)})
