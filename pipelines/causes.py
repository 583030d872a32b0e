"""An error and what caused it."""

from __future__ import annotations

from collections.abc import Iterator


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """*error*, its cause, the cause's cause and so on, and of a group each of its errors with theirs."""
    seen = set[int]()
    left = [error]
    while left:
        one = left.pop(0)
        if one is None or id(one) in seen:
            continue
        yield one
        seen.add(id(one))
        left += [one.__cause__ or one.__context__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]
