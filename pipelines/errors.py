"""Everything tillhouse raises on purpose: one sentence that says what, where and what to do.

TillhouseError
├── SettingsError       a setting is missing or makes no sense
├── UsageError          the words of a command do not go together
├── BusyError           another run holds the data directory
├── AuthError           the merchant must run `tillhouse connect` again
├── RequestError        the API refused a request, and will again until somebody changes something
├── UnavailableError    the API could not be reached, however often we tried
├── ResponseError       the API answered in a shape we do not know
├── LoadError           rows could not be brought into the warehouse
├── SpaceError          a disk is full
└── TransformError      a model or a test failed: nothing is published
    └── ProjectError    dbt cannot read the project of the models
"""

from __future__ import annotations

import errno

NO_RIGHT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""What the system says where a file or folder may not be written."""


class TillhouseError(Exception):
    """The base of all: its text is what the user reads."""


class SettingsError(TillhouseError):
    """A setting is missing or makes no sense."""


class UsageError(TillhouseError):
    """The words of a command do not go together."""


class BusyError(TillhouseError):
    """Another run holds the data directory."""


class AuthError(TillhouseError):
    """Only the merchant can mend this: `tillhouse connect` again, unless *remedy* is another."""

    def __init__(self, message: str, *, remedy: str = "run `tillhouse connect` again") -> None:
        super().__init__(message)
        self.remedy = remedy


class RequestError(TillhouseError):
    """The API refused a request; asking again would not help.

    *status* is the HTTP status, so that a caller may tell a missing right (403) from a wrong question (400).
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnavailableError(TillhouseError):
    """The API did not answer, or not usefully, after every retry."""


class ResponseError(TillhouseError):
    """The API answered with success but not in a shape we know; taking it for an end would lose rows."""


class LoadError(TillhouseError):
    """Rows could not be brought into the warehouse."""


class SpaceError(TillhouseError):
    """A disk is full: nothing of any table can be kept."""


class TransformError(TillhouseError):
    """A model or a test failed: what was published before stays."""


class ProjectError(TransformError):
    """dbt cannot read the project of the models, so that it builds none."""
