"""The part of qbench that runs on devices: Python 3.7 or newer, numpy and one TFLite runtime.

Imports point downwards only: agent, probe, backends, modules of this folder.
"""
