"""What a killed run left in dlt's folder of a pipeline: found without opening it, and loaded from its beginning."""

from __future__ import annotations

from pathlib import Path

EXTRACTED, NORMALIZED = "normalize/extracted", "load/normalized"
NEW, BEGUN = "new_jobs", ("started_jobs", "completed_jobs")
ENDED = ".pending_transitions"
"""Notes of jobs that have ended and were not moved yet."""

PREPARE = "schema_updates.json"
"""Where a package has it, dlt prepares the tables, and clears those that rows are staged in."""


def has_packages(pipeline: Path) -> bool:
    """Whether rows wait there whose cursors may have moved already."""
    return any(any((pipeline / step).glob("*/")) for step in (EXTRACTED, NORMALIZED))


def rewind(pipeline: Path) -> None:
    """Let each package that was being loaded be loaded as if it never had been.

    A kill between the destination's commit of a job and dlt's note of it leaves a job that would run again, and stage
    its rows a second time; where a set of rows is replaced together, all of them would be merged. From its beginning a
    load clears what is staged, and merging the same rows again changes nothing.
    """
    for package in sorted((pipeline / NORMALIZED).glob("*/")):
        _rewind(package)


def _rewind(package: Path) -> None:
    for job in [job for state in BEGUN for job in (package / state).iterdir()]:
        job.rename(package / NEW / job.name)
    # dlt writes the merges again once all rows of a table are staged.
    for made in [*(package / NEW).glob("*.sql"), *(package / ENDED).iterdir()]:
        made.unlink()
    if not (package / PREPARE).exists():
        (package / PREPARE).write_text("{}")
