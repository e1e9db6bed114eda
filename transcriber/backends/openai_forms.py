"""Forms of request: what is known of a model goes in, what to ask of its server comes out, from most to least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transcriber.backends.openai_capabilities import ResponseFormat, SpeechModel


@dataclass(frozen=True, slots=True)
class Form:
    """A format to ask for, and how closely times are to be told in it."""

    response_format: ResponseFormat
    granularities: tuple[str, ...] = ()

    def to_fields(self) -> dict[str, Any]:
        """The fields of a request that ask for it."""
        fields: dict[str, Any] = {"response_format": self.response_format}
        if self.granularities:
            fields["timestamp_granularities"] = list(self.granularities)
        if self.response_format == "diarized_json":
            fields["chunking_strategy"] = "auto"  # refused without for more than half a minute
        return fields


TEXT_ONLY = Form("json")


def plan_forms(model: SpeechModel, *, word_times: bool) -> tuple[Form, ...]:
    """The forms to try; the last one is text only, which every model gives.

    Words are asked for together with segments: OpenAI leaves segments out for words alone.
    """
    if model.response_format == "json":
        return (TEXT_ONLY,)
    if model.response_format == "diarized_json":
        return (Form("diarized_json"), TEXT_ONLY)
    by_word = (Form("verbose_json", ("word", "segment")),) if word_times else ()
    return (*by_word, Form("verbose_json", ("segment",)), TEXT_ONLY)
