"""DuckDB on the text, as a CSV reader with a given schema, and on Parquet.   --threads N

It also knows the right answers. Of a question with a limit they hold every row that ties with the last one.
"""

import worker

try:
    import duckdb
except ImportError:
    worker.give_up("duckdb is not installed")

connection = duckdb.connect()
connection.execute(f"set threads = {int(worker.option('--threads', '2'))}")

TYPES = {"int32": "INTEGER", "int64": "BIGINT", "text": "VARCHAR"}


def source(path):
    """The table function of a path, plain text or gzip (a glob, too) or Parquet."""
    if path.endswith(".parquet"):
        return f"read_parquet('{path}')"
    import flowlogs as fl  # for the types of the columns: duckdb is told what we know

    types = {field["column"]: TYPES[field["type"]] for field in fl.fields()}
    columns = ", ".join(f"'{name}': '{types[name]}'" for name in fl.scan(path).columns)
    return f"read_csv('{path}', delim=' ', header=true, nullstr='-', quote='', escape='', columns={{{columns}}})"


# Keys, aggregates, filter, how many rows by the last aggregate (0: all).
QUESTIONS = {
    "count_by_action": ("action", "count(*)", "", 0),
    "top_sources": ("srcaddr", "sum(bytes)", "", 10),
    "rejected_sources": ("srcaddr", "count(*)", "where action = 'REJECT'", 10),
    "bins_by_action": ("action, start // 300 * 300", "sum(packets), sum(bytes)", "", 0),
    "ports_per_rejected_source": ("srcaddr", "count(distinct dstport)", "where action = 'REJECT'", 10),
    "five_tuples": ("srcaddr, dstaddr, srcport, dstport, protocol", "sum(packets), sum(bytes)", "", 10),
}


def question(name, with_ties):
    keys, aggregates, where, limit = QUESTIONS[name]
    columns = len(keys.split(", ")) + len(aggregates.split(", "))
    names = ", ".join(f"c{i}" for i in range(columns))
    order = f"c{columns - 1} desc nulls last"
    if limit == 0:
        end = ""
    elif with_ties:
        end = f"qualify rank() over (order by {order}) <= {limit} order by {order}"
    else:
        end = f"order by {order} limit {limit}"

    def run(path):
        groups = f"select {keys}, {aggregates} from {source(path)} {where} group by {keys}"
        return connection.execute(f"with t({names}) as ({groups}) select * from t {end}").fetchall()

    return run


def load(path):
    return connection.sql(f"select * from {source(path)}").to_arrow_table()


def what_was_loaded(table):
    connection.register("loaded", table)
    nulls = " + ".join(f'count(*) - count("{name}")' for name in table.column_names)
    rows = connection.execute(f"select count(*), sum(bytes), sum(packets), {nulls} from loaded").fetchall()
    connection.unregister("loaded")
    return rows


def records(path):
    return connection.execute(f"select count(*), count(srcaddr), sum(bytes) from {source(path)}").fetchall()


def to_parquet(path):
    """Writes path + ".parquet" beside the text: DuckDB's own defaults."""
    connection.execute(f"copy (from {source(path)}) to '{path}.parquet'")
    return []


works = {"load": (load, what_was_loaded), "records": records, "to_parquet": to_parquet}
for name in QUESTIONS:
    works[name] = question(name, with_ties=False)
    works["right:" + name] = question(name, with_ties=True)
worker.serve("DuckDB " + duckdb.__version__, works)
