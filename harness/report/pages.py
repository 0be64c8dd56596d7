"""Fill the HTML templates: every text is escaped, and characters that are not printable become spaces."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from harness.report.figures import printable

if TYPE_CHECKING:
    from jinja2 import Environment


def fill(template: str, **values: object) -> str:
    """Return the HTML of a template with these values."""
    return _environment().get_template(template).render(values)


def asset(name: str) -> str:
    """Return the text of a style sheet or script."""
    return _environment().get_template(name).render()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
