"""PyArrow's CSV reader on the text: the load of all columns.   --threads N"""

import worker

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv
except ImportError:
    worker.give_up("pyarrow is not installed")

pa.set_cpu_count(int(worker.option("--threads", "2")))
text = dict.fromkeys(worker.text_fields(), pa.string())


def load(path):
    return csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=" ", quote_char=False),
                        convert_options=csv.ConvertOptions(null_values=["-"], strings_can_be_null=True,
                                                            column_types=text))  # fmt: skip


def what_was_loaded(table):
    nulls = sum(column.null_count for column in table.columns)
    return [[table.num_rows, pc.sum(table["bytes"]).as_py(), pc.sum(table["packets"]).as_py(), nulls]]


worker.serve("PyArrow " + pa.__version__, {"load": (load, what_was_loaded)})
