"""What would be quarantined is not published: it fails, or goes out without what is at fault."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.service.running import a_video, drain
from tests.transcriber.service.transcripts import ATTEMPT, AUDIO, RECIPE, TRANSCRIPT, accepted_item
from transcriber.audio.source import AudioFormat, Look, VideoDetails
from transcriber.captions import Captions
from transcriber.faults import VideoFault
from transcriber.outgoing import OutgoingRefused, to_fitting_captions, to_fitting_look, to_fitting_message
from transcriber.service.brought import Brought
from transcriber.speech import Segment
from trendscript.transcription_requests import TranscriptionRequest

if TYPE_CHECKING:
    from tests.transcriber.service.running import Place

NOWHEN = Segment(math.nan, 1.0, "When?")
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_a_transcript_that_would_be_quarantined_fails_its_video() -> None:
    """Published, it would count as done and be in no table; the reason names the column."""
    with pytest.raises(VideoFault, match="missing:start_seconds") as refused:
        to_fitting_message(replace(TRANSCRIPT, segments=(NOWHEN,)), ATTEMPT, RECIPE, AUDIO, 1.0)
    assert refused.value.reason == "breaks_contract"


def test_a_transcript_that_is_accepted_goes_out_as_it_is() -> None:
    """With its words."""
    item = accepted_item(to_fitting_message(TRANSCRIPT, ATTEMPT, RECIPE, AUDIO, 1.0))
    assert (item["text"], item["timestamps"]) == ("Hello there.", "word")


def test_captions_that_would_be_quarantined_are_none() -> None:
    """There is still the audio to listen to."""
    assert to_fitting_captions(Captions("captions_manual", "en", (NOWHEN,)), ATTEMPT) is None


def test_a_look_goes_out_without_details_that_would_have_it_quarantined() -> None:
    """The format is what audio is known by; a title that the contract does not take is left out with all beside it."""
    look = Look(ATTEMPT.video_id, AudioFormat(itag=140, bytes=5), VideoDetails(title="t" * 1_001))
    message = to_fitting_look(look, NOW, "pytubefix")
    assert message is not None
    item = accepted_item(message)
    assert (item["format"]["itag"], item["details"]) == (140, None)


def test_a_look_whose_format_would_be_quarantined_does_not_go_out() -> None:
    """A line in the log says so."""
    assert to_fitting_look(Look(ATTEMPT.video_id, AudioFormat(bytes=-1)), NOW, "folder") is None


def test_a_failure_that_would_be_quarantined_is_a_bug() -> None:
    """Nothing is left to fall back to, so nothing is published."""
    request = TranscriptionRequest("no id", ATTEMPT.video_id, NOW, None, again=False, reason="asked", source="test")
    with pytest.raises(OutgoingRefused, match="pattern:request_id"):
        Brought().failed(request, RECIPE, VideoFault("private", "It is private."))


def test_what_a_model_says_wrong_is_its_videos_failure(place: Place) -> None:
    """The service records the reason and goes on; nothing that it publishes would be quarantined."""
    place.captions = lambda _video_id: Captions("captions_manual", "en", (NOWHEN,))
    place.settings = {"transcription_captions": "also"}
    place.backend.numbers = {"compression_ratio": -1.0}
    video = a_video()
    place.request(video)
    assert drain(place).tally.failed == {"breaks_contract": 1}
    (value,) = place.of(video)
    assert (value["item"]["method"], value["item"]["reason"]) == ("speech", "breaks_contract")
