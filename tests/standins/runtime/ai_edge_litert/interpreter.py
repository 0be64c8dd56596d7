"""A stand-in for a runtime's interpreter: one value in and out, at a speed drawn when it is imported.

A model called "segv.tflite" and so on does that when its output is read for the second time: once its outputs
are known and its blocks are timed. "seven_segv.tflite" does it when its output is read after an input of 7.
STANDIN_IMPORT is what goes wrong when it is imported.
"""

from __future__ import annotations

import enum
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

INFERENCE_S = 0.0002 * (1 + os.urandom(1)[0] / 255)

WRONG = os.environ.get("STANDIN_IMPORT")
print("runtime imported", file=sys.stderr, flush=True)
if WRONG == "thread":
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
elif WRONG == "raises":
    raise ImportError("no such thing")
elif WRONG == "segv":
    os.kill(os.getpid(), signal.SIGSEGV)
elif WRONG == "hangs":
    time.sleep(600)


def raise_error():
    raise ValueError("read too often")


ENDS = {
    "segv": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": os.abort,
    "exits": lambda: os._exit(3),
    "leaves": lambda: sys.exit("leaving"),
    "raises": raise_error,
    "hangs": lambda: time.sleep(600),
}


class OpResolverType(enum.Enum):
    AUTO = 0
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3


class Interpreter:
    def __init__(self, model_path, num_threads, experimental_op_resolver_type):
        self.model = Path(model_path)
        self.reads = 0
        if self.model.stem == "parent":
            child = subprocess.Popen(["sleep", "600"])
            self.model.with_name("child").write_text(str(child.pid))
        print("opened", self.model.stem, file=sys.stderr, flush=True)

    def allocate_tensors(self):
        self.values = np.zeros((1, 1), np.float32)

    def get_input_details(self):
        return [{"name": "x", "index": 0, "shape": np.array([1, 1]), "dtype": np.float32}]

    get_output_details = get_tensor_details = get_input_details

    def set_tensor(self, index, array):
        self.values = array

    def get_tensor(self, index):
        self.reads += 1
        if self.model.stem.startswith("seven_") and self.values.flat[0] == 7:
            ENDS[self.model.stem[len("seven_") :]]()
        if self.reads == 2 and self.model.stem in ENDS:
            print("ending", self.model.stem, file=sys.stderr, flush=True)
            ENDS[self.model.stem]()
        return self.values

    def _get_ops_details(self):
        return []

    def invoke(self):
        end = time.perf_counter() + INFERENCE_S
        while time.perf_counter() < end:
            pass
