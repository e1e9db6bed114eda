"""Notices: what went wrong, was refused or is new goes to people, by mail or through any service that Apprise knows."""
