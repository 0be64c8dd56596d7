"""TensorFlow's TFLiteConverter, in processes of its own: only they import TensorFlow.

`conversion` is what home does, `worker` what happens in such a process; `messages` go between them.
"""
