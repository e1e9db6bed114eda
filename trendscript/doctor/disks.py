"""Disks: room where data are kept, and whether the lake can be written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trendscript.doctor.finding import Finding

if TYPE_CHECKING:
    from trendscript.doctor.surroundings import Surroundings


def check_lake(surroundings: Surroundings) -> Finding:
    """Bronze can be written where the settings say. Nothing is written to find out."""
    lake = _lake_folder(surroundings)
    if isinstance(lake, Finding):
        return lake
    place = _nearest(lake)
    if not place.is_dir():
        return Finding("broken", f"{place} is no folder, and the lake is to be {lake}.", "Mend LAKE_PATH.")
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding("broken", f"{place} can't be written, and the lake is to be {lake}.", "Mend its permissions.")
    return Finding("ok", f"{lake} can be written." if place == lake else f"{lake} can be made by the first load.")


def check_home_disk(surroundings: Surroundings) -> Finding:
    """Room under TRENDSCRIPT_HOME, where the local servers, the lake and the logs are."""
    home = surroundings.settings.trendscript_home.expanduser().absolute()
    return _check_room(surroundings, home, "or set TRENDSCRIPT_HOME to a folder on another disk")


def check_lake_disk(surroundings: Surroundings) -> Finding:
    """Room where bronze goes."""
    lake = _lake_folder(surroundings)
    return lake if isinstance(lake, Finding) else _check_room(surroundings, lake, "or run `trendscript lake vacuum`")


def check_postgres_disk(surroundings: Surroundings) -> Finding:
    """Room for the local server's data; another machine's disk can't be seen from here."""
    if surroundings.settings.postgres_host:
        return Finding("skipped", f"The disk of {surroundings.settings.postgres_host} can't be seen from here.")
    data = surroundings.settings.trendscript_home.expanduser().absolute() / "postgres"
    return _check_room(surroundings, data.resolve(), "or purge what is old")


def _lake_folder(surroundings: Surroundings) -> Path | Finding:
    from spark_jobs.cli_job import lake_address  # noqa: PLC0415  (keeps --help quick)

    address = lake_address(surroundings.settings)
    if address is None:
        return Finding("ok", "LAKE_PATH is off: no message is kept as it came.")
    parts = urlsplit(address)
    if parts.scheme not in ("", "file"):
        return Finding("skipped", f"{parts.scheme}:// can't be seen from here.")
    return Path(parts.path if parts.scheme else address).expanduser().absolute()


def _check_room(surroundings: Surroundings, folder: Path, otherwise: str) -> Finding:
    total, _, free = shutil.disk_usage(_nearest(folder))
    percent, least = 100 * free / total, surroundings.thresholds.min_free_percent
    found = f"{free / 2**30:,.1f} GiB of {total / 2**30:,.1f} are free ({percent:.0f} %) where {folder} is"
    if percent < least:
        return Finding("warning", f"{found}, less than {least:g} %.", f"Make room, {otherwise}.")
    return Finding("ok", f"{found}.")


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first above it that is there."""
    return next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
