"""The account PostgreSQL runs under: PostgreSQL refuses to run as root, so root gives it an account of its own."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from pathlib import Path

NAME = "trendscript"


class AccountRefused(NeedsAPerson):
    """Raised when root can't make, or can't become, the account for PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the operating system."""

    uid: int
    gid: int

    @property
    def identity(self) -> dict[str, Any]:
        """Arguments with which `subprocess` starts a process under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Tell whether this account can reach `folder` through all folders above it."""
        entered = subprocess.run(
            ["/bin/sh", "-c", 'cd -- "$0"', os.fspath(folder)],
            cwd="/",
            check=False,
            capture_output=True,
            **self.identity,
        )
        return entered.returncode == 0


def server_account() -> Account | None:
    """Return the account for PostgreSQL where we are root, made if need be; None where we aren't: then it is ours."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _add_account()
        entry = pwd.getpwnam(NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def _add_account() -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", "--user-group", NAME]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        cause = getattr(error, "stderr", None) or error
        raise AccountRefused(
            f"PostgreSQL doesn't run as root, and the account {NAME!r} for it couldn't be made ({str(cause).strip()}). "
            f"Make it ({' '.join(command)}), or run this as another user."
        ) from error
