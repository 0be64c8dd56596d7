"""Errors made for people.

QbenchError            one line that says what is wrong, where and what to do; carries the exit code
├── ConfigError        devices.toml or the command line (2)
├── ModelError         a model, a variant or calibration data cannot be used (2)
├── ResultsError       a results folder cannot be read or written (2)
├── CellNotFound       a run has no such cell, or several; also a KeyError (2)
└── DeviceError        a device could not be reached (4)
"""


class QbenchError(Exception):
    """A message for the user; `exit_code` is what the command ends with."""

    exit_code = 2


class ConfigError(QbenchError):
    """devices.toml or the command line asks for something that cannot be."""


class ModelError(QbenchError):
    """A model, a variant or calibration data cannot be used."""


class ResultsError(QbenchError):
    """A results folder cannot be read or written."""


class DeviceError(QbenchError):
    """A device could not be reached."""

    exit_code = 4


class CellNotFound(QbenchError, KeyError):
    """A run has no cell of this name, or several."""

    __str__ = Exception.__str__  # KeyError would show the message in quotes
