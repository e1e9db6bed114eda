"""pgAdmin as a browser uses it: its server is there, and needs no password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from tests.containers.conftest import Charts
    from tests.containers.project import Project

_SECONDS = 60


def test_its_server_is_there_and_connected_without_a_password(project: Project, charts: Charts) -> None:
    """Whoever logs in finds the warehouse and is let in as data_analyst: the password comes from the secret."""
    assert charts
    pages = f"http://127.0.0.1:{project.ports['PGADMIN']}"
    with requests.Session() as browser:
        token = _token(browser.get(f"{pages}/login", timeout=_SECONDS).text)
        login = {"email": "analyst@example.com", "password": project.secrets["pgadmin"], "csrf_token": token}
        browser.post(f"{pages}/authenticate/login", data=login, timeout=_SECONDS).raise_for_status()
        script = browser.get(f"{pages}/browser/js/utils.js", timeout=_SECONDS).text
        browser.headers["X-pgA-CSRFToken"] = _token(script)
        nodes = browser.get(f"{pages}/browser/server/nodes/1/", timeout=_SECONDS).json()["result"]
        assert [node["label"] for node in nodes] == ["Trendscript"]
        connect = f"{pages}/browser/server/connect/1/{nodes[0]['_id']}"
        answer = browser.post(connect, timeout=_SECONDS).json()
        assert answer["data"]["connected"], answer
        sessions = project.query("select usename from pg_stat_activity where application_name like %s", "pgAdmin 4%")
    assert {user for (user,) in sessions} == {"data_analyst"}


def _token(text: str) -> str:
    found = re.search(r"csrf_?token[\"'\]]*\s*[:=]\s*[\"']([^\"']+)", text, re.IGNORECASE)
    assert found, text[:2000]
    return found[1]
