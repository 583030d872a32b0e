"""What a person sees: text from outside with its control characters escaped, in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, separators of lines and marks of direction; a line's end is none of them."""

LINE_END = re.compile("\n")


def shown(text: str) -> str:
    r"""*text* with each character that a terminal would obey as `\x1b` or `\u202e`."""
    return UNSEEN.sub(lambda found: _escaped(found.group()), text)


def on_one_line(text: str) -> str:
    r"""The same, and line ends as `\n`: a line of a log is one line."""
    return LINE_END.sub(r"\\n", shown(text))


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")


class Terminal(Console):
    """A console that shows names and messages as they are, and obeys none of them.

    No markup: names are the merchants' own, and what rich would take for it is shown as it is.
    """

    def __init__(self, **asked: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **asked)

    def render_str(self, text: str, **asked: Any) -> Text:
        # Escaped before it is measured: a table's columns fit what is shown.
        return super().render_str(shown(text), **asked)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=shown(segment.text))
