"""Tests of YouTube's side: pytubefix and youtube-transcript-api as they are, against servers on this machine."""
