"""pandas on the text: the load of all columns.   --engine c|pyarrow"""

import worker

try:
    import pandas as pd
except ImportError:
    worker.give_up("pandas is not installed")

engine = worker.option("--engine", "c")
# The PyArrow engine infers types well, and with given ones refuses integers that may be missing.
types = {"dtype_backend": "pyarrow"} if engine == "pyarrow" else {"dtype": dict.fromkeys(worker.text_fields(), str)}


def load(path):
    return pd.read_csv(path, sep=" ", na_values="-", engine=engine, **types)


def what_was_loaded(frame):
    return [[len(frame), int(frame["bytes"].sum()), int(frame["packets"].sum()), int(frame.isna().sum().sum())]]


worker.serve("pandas " + pd.__version__, {"load": (load, what_was_loaded)})
