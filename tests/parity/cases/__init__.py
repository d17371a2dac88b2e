"""All cases, in groups."""

from __future__ import annotations

from tests.parity.cases import events, flask, folder, programs, values

GROUPS = (
    values.RETURNED,
    values.DICTS,
    values.STATUSES,
    values.HEADERS,
    events.ATTRIBUTES,
    events.PATHS,
    events.QUERIES,
    events.REQUEST_HEADERS,
    events.PROXIES,
    events.METHODS,
    events.BODIES,
    flask.RETURNED,
    flask.REQUEST,
    flask.POSTED,
    *programs.GROUPS,
    *folder.GROUPS,
)
