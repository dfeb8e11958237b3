"""pandas on the text: the load of all columns.   --engine c|pyarrow"""

import worker

try:
    import pandas as pd
except ImportError:
    worker.give_up("pandas is not installed")

engine = worker.option("--engine", "c")
text = dict.fromkeys(worker.text_fields(), str)


def load(path):
    return pd.read_csv(path, sep=" ", na_values="-", dtype=text, engine=engine)


def what_was_loaded(frame):
    return [[len(frame), int(frame["bytes"].sum()), int(frame["packets"].sum()), int(frame.isna().sum().sum())]]


worker.serve("pandas " + pd.__version__, {"load": (load, what_was_loaded)})
