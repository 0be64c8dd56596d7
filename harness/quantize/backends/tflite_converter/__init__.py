"""TensorFlow's TFLiteConverter, run in child processes: only they import TensorFlow.

`conversion` runs in qbench's own process, `worker` in a child; they exchange `messages`.
"""
