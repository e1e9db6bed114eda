"""The `openai` backend: pieces of audio go to a server with OpenAI's API, segments come back in our terms.

A request under way when the service stops is not waited for: the work ends within a moment, the piece counts as
not done, and the server may charge for it once more when it is done again.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from transcriber.backends.backend import SAMPLE_RATE, Piece, Speech
from transcriber.backends.clips import PADDING, keep_speech
from transcriber.backends.detection import vad_options
from transcriber.backends.encoding import WAV, Encoding, best_encoding, encode
from transcriber.backends.openai_answers import Said, to_language, to_segments
from transcriber.backends.openai_capabilities import find_model
from transcriber.backends.openai_failures import Refusal
from transcriber.backends.openai_forms import TEXT_ONLY, plan_forms
from transcriber.backends.openai_pieces import halve
from transcriber.backends.openai_server import SpeechServer, Timing
from transcriber.faults import OperatorNeeded
from transcriber.listening.pieces import to_limits
from transcriber.speech import Language

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from transcriber.backends.backend import Backend, PieceTranscript
    from transcriber.backends.openai_capabilities import SpeechModel
    from transcriber.backends.openai_failures import FailureKind
    from transcriber.speech import Segment

_log = structlog.get_logger(__name__)

_EDITION = 1
"""Goes up with every change of this code that lets the same server write another text for the same audio."""

_LONGEST_REVISION = 200
_REVISION_MARK_CHARACTERS = 16
_SHORTEST_SECONDS = 0.5  # OpenAI refuses below 0.1; a shorter piece gets silence after it
_SHORTEST_CUT_SECONDS = 20.0
_LONGEST_WITHOUT_TIMES = 120.0


class OpenAiBackend:
    """Transcribes by a speech server. What the server turned out not to take is not tried again in this process.

    That concerns the format of answers, Opus, and the length of pieces. `options` say what is asked for first, so
    that they stay the same in every process; `capability` is less from then on.
    """

    name = "openai"

    def __init__(
        self, model: str, server: SpeechServer, known: SpeechModel, *, word_times: bool, language: str | None
    ) -> None:
        self.model = model
        self.revision = _to_revision(model, server.place)
        self._server = server
        self._language = language
        self.capability = known.to_capability(word_times=word_times)
        self._forms = plan_forms(known, word_times=word_times)
        self._encoding = best_encoding()
        self._constant: dict[str, Any] = {"model": model, **({"temperature": 0} if known.takes_temperature else {})}
        self._longest = self.capability.max_piece_seconds or float("inf")
        limits = to_limits(self.capability)
        self.options: Mapping[str, Any] = {
            **{name: value for name, value in self._constant.items() if name != "model"},
            **self._forms[0].to_fields(),
            "audio": self._encoding.to_options(),
            "vad": vad_options(),
            "piece_seconds": limits.longest,
            "piece_overlap": limits.overlap,
            "edition": _EDITION,
            **({"language": language} if language else {}),
        }

    def detect_language(self, piece: Piece) -> Language | None:  # noqa: ARG002  (the protocol gives it)
        """None: such servers tell the language only with the text."""
        return None

    def transcribe(self, piece: Piece, *, language: str | None) -> PieceTranscript:
        """Begin with a piece; the request goes out when iteration begins."""
        return _Listening(self, piece, language or self._language)

    def listen(self, piece: Piece, language: str | None) -> Iterator[tuple[Piece, Said]]:
        """What the server hears, in one part if it takes the piece as it is, else in several.

        Long pauses are not sent: they cost money, and models make things up in them. Raises VideoFault,
        ServiceFault or Stopped.
        """
        waiting = [piece]
        while waiting:
            part = waiting.pop()
            if not part.speech:
                continue
            if part.seconds > self._longest_now():
                waiting.extend(reversed(halve(part)))
                continue
            answer = self._ask(part, language)
            if self._asks_for_less(answer) or self._makes_shorter(answer, part):
                waiting.append(part)
            elif isinstance(answer, Refusal):
                raise answer.fault
            else:
                yield part, answer

    def to_segments(self, part: Piece, said: Said, *, later: float) -> Iterator[Segment]:
        """What is said in a part, timed from the start of the piece, in which the part begins `later`."""
        clips = keep_speech(part)
        seconds = len(clips.samples) / SAMPLE_RATE
        after = min(PADDING, max(0.0, part.seconds - part.speech[-1].end))
        spoken = Speech(min(PADDING, part.speech[0].start), seconds - after)

        def to_times(start: float, end: float) -> tuple[float, float]:
            start, end = clips.to_piece_times(start, end)
            return start + later, end + later

        heard = Piece(part.start, clips.samples, (spoken,))
        for segment in to_segments(said, heard, word_times=self.capability.timestamps == "word"):
            yield _timed_anew(segment, to_times)

    def _longest_now(self) -> float:
        return min(self._longest, _LONGEST_WITHOUT_TIMES) if self._forms[0] == TEXT_ONLY else self._longest

    def _ask(self, part: Piece, language: str | None) -> Said | Refusal:
        """An answer to the smallest file that the server can decode: some, as whisper.cpp, know no Opus."""
        answer = self._send(part, language, self._encoding)
        if not isinstance(answer, Refusal) or answer.kind != "undecodable" or self._encoding == WAV:
            return answer
        answer = self._send(part, language, WAV)
        if isinstance(answer, Said):
            self._encoding = WAV
            _log.warning("speech_encoding_not_taken", host=self._server.host, sent_now=WAV.codec)
        return answer

    def _asks_for_less(self, answer: Said | Refusal) -> bool:
        """Go over to a form that tells less, where the server does not give the one that was asked for."""
        kind = answer.kind if isinstance(answer, Refusal) else self._find_lacking(answer)
        if len(self._forms) == 1 or kind not in {"format_unsupported", "word_times_unsupported"}:
            return False
        self._forms = self._forms[1:] if kind == "word_times_unsupported" else self._forms[-1:]
        asked = self._forms[0].response_format
        self.capability = replace(self.capability, timestamps="none" if asked == "json" else "segment")
        _log.warning("speech_form_not_given", host=self._server.host, model=self.model, cause=kind, asked_now=asked)
        return True

    def _find_lacking(self, said: Said) -> FailureKind | None:
        """What a server did not give without a word: some answer any format with plain text, or plain JSON."""
        if said.is_text:
            return "format_unsupported"
        if self._forms[0] == TEXT_ONLY or not said.lacks_segments:
            return None
        return "word_times_unsupported" if "word" in self._forms[0].granularities else "format_unsupported"

    def _makes_shorter(self, answer: Said | Refusal, part: Piece) -> bool:
        """Go over to shorter pieces, where the server finds this one too large or too long, and it can be cut."""
        if not isinstance(answer, Refusal) or answer.kind not in {"too_large", "too_long"}:
            return False
        if part.seconds < _SHORTEST_CUT_SECONDS:
            return False
        self._longest = part.seconds * 0.75
        _log.warning(
            "speech_pieces_made_shorter", host=self._server.host, cause=answer.kind, seconds=round(self._longest, 1)
        )
        return True

    def _send(self, part: Piece, language: str | None, encoding: Encoding) -> Said | Refusal:
        samples = keep_speech(part).samples
        padding = max(0, int(_SHORTEST_SECONDS * SAMPLE_RATE) - len(samples))
        content = encode(np.pad(samples, (0, padding)), encoding)
        most = self.capability.max_piece_bytes
        if most is not None and len(content) > most:
            text = (
                f"A piece of {part.seconds:.0f} seconds is {len(content)} bytes of {encoding.codec}, {most} are taken."
            )
            return Refusal("too_large", OperatorNeeded(text))
        fields = {**self._constant, **self._forms[0].to_fields(), **({"language": language} if language else {})}
        return self._server.ask((encoding.file_name, content, encoding.mime_type), fields)


class _Listening:
    """A piece being transcribed; a request is one step of its iteration."""

    def __init__(self, backend: OpenAiBackend, piece: Piece, language: str | None) -> None:
        self.language = Language(language) if language else None
        self._backend = backend
        self._piece = piece
        self._asked = language

    def __iter__(self) -> Iterator[Segment]:
        heard: Language | None = None
        for part, said in self._backend.listen(self._piece, self._asked):
            heard = heard or to_language(said)
            self.language = heard or self.language
            yield from self._backend.to_segments(part, said, later=part.start - self._piece.start)


def _timed_anew(segment: Segment, to_times: Callable[[float, float], tuple[float, float]]) -> Segment:
    words = []
    for word in segment.words:
        start, end = to_times(word.start, word.end)
        words.append(replace(word, start=start, end=end))
    start, end = to_times(segment.start, segment.end)
    return replace(segment, start=start, end=end, words=tuple(words))


def _to_revision(model: str, place: str) -> str:
    """The model and where it is; of what is too long for the tables a digest stands for the rest."""
    whole = f"{model}@{place}"
    if len(whole) <= _LONGEST_REVISION:
        return whole
    mark = sha256(whole.encode("utf-8", "backslashreplace")).hexdigest()[:_REVISION_MARK_CHARACTERS]
    return f"{whole[: _LONGEST_REVISION - _REVISION_MARK_CHARACTERS - 1]}#{mark}"


def open_openai_backend(  # noqa: PLR0913  (settings of a server, each by its name)
    model: str,
    *,
    api_key: str,
    base_url: str | None = None,
    word_times: bool = False,
    language: str | None = None,
    timing: Timing | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Backend:
    """The backend of a model behind OpenAI's API, or behind any server that speaks it.

    `language` holds where a piece comes without one. Once `stop` says so, waiting ends within a moment by Stopped.
    Says in the log when the model is going to end. Raises OperatorNeeded for a key or an address that can't be.
    """
    server = SpeechServer(api_key, base_url, timing=timing or Timing(), stop=stop)
    known = find_model(model, base_url)
    announced = server.shutdown_date(model)
    ends = announced or (known.shutdown_date.isoformat() if known.shutdown_date else None)
    if ends:
        _log.warning("speech_model_ends", model=model, host=server.host, shutdown_date=ends)
    return OpenAiBackend(model, server, known, word_times=word_times, language=language)
