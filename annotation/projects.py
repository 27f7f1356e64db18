"""The projects on the server: one for each screen, and whether somebody changed its questions by hand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from xml.etree import ElementTree

from aiyam.errors import Conflict
from aiyam.label_contracts import LabelKind
from aiyam.store.database import Store
from aiyam.store.labels import Cursor, get_cursor, list_cursors, put_cursor
from annotation.client import LabelStudio, Project
from annotation.schemas import Screen, screen_of

Questions = dict[str, frozenset[str]]
"""The codes each question of a screen may be answered with; none for one that is answered in words."""


@dataclass(frozen=True)
class Place:
    """A project as the store knows it.

    ``server`` is its address and the moment it was made: another data folder behind the same address is another server.
    """

    server: str
    project_id: int
    kind: LabelKind
    screen_version: str
    n_tasks: int


def server_name(studio: LabelStudio, project: Project) -> str:
    """Return the store's name of the server behind a project."""
    return f"{studio.url}#{project.created_at}"


def ensure_place(store: Store, studio: LabelStudio, kind: LabelKind) -> Place:
    """Make or find the project of a kind's screen, and have it read from now on.

    Raises:
        Unanswered: the server does not answer.
        Conflict: another product, a wrong token, or questions changed by hand.
    """
    screen = screen_of(kind)
    project_id, _ = studio.ensure_project(screen)
    project = studio.project(project_id)
    refuse_hand_edits(project, screen)
    place = Place(server_name(studio, project), project_id, kind, screen.version, project.n_tasks)
    if get_cursor(store, place.server, project_id) is None:
        put_cursor(store, Cursor(place.server, project_id, kind, screen.version))
    return place


def places_of(store: Store, studio: LabelStudio, kind: LabelKind | None = None) -> tuple[list[Place], list[str]]:
    """Return the projects on this server that were ever used, those of older screens too, and those that are gone there.

    Raises:
        Conflict: the questions of one were changed by hand.
    """
    places: list[Place] = []
    gone: list[str] = []
    titles: dict[str, int] | None = None
    for cursor in list_cursors(store):
        url, _, _ = cursor.server.partition("#")
        if url != studio.url or (kind is not None and cursor.kind != kind):
            continue
        titles = studio.projects() if titles is None else titles
        project = studio.project(cursor.project_id) if cursor.project_id in titles.values() else None
        if project is None or server_name(studio, project) != cursor.server:
            gone.append(cursor.server)
            continue
        screen = screen_of(cursor.kind)
        if cursor.screen_version == screen.version:
            refuse_hand_edits(project, screen)
        elif hashlib.sha256(project.label_config.strip().encode()).hexdigest()[:8] != cursor.screen_version:
            raise Conflict(
                f"The questions of project {project.project_id} ({cursor.kind}, screen {cursor.screen_version}) were changed by hand.",
                hint="Delete that project on the server, or put its labelling setup back; nothing was read from it.",
            )
        places.append(
            Place(cursor.server, cursor.project_id, cursor.kind, cursor.screen_version, project.n_tasks)
        )  # fmt: skip
    return places, gone


def questions_of(xml: str) -> Questions:
    """Return the questions of a screen and the codes of their answers; colours, hints and headings do not count.

    >>> questions_of('<View><Choices name="q" toName="t"><Choice value="네" alias="yes"/></Choices></View>')
    {'q': frozenset({'yes'})}
    """
    return {
        str(control.get("name")): frozenset(
            str(part.get("alias") or part.get("value")) for part in control.iter() if part.tag in ("Choice", "Label")
        )
        for control in ElementTree.fromstring(xml).iter()
        if control.get("toName")
    }


def refuse_hand_edits(project: Project, screen: Screen) -> None:
    """Raise Conflict, naming the change, when a project asks other questions than its screen."""
    try:
        there = questions_of(project.label_config)
    except ElementTree.ParseError:
        there = {}
    ours = questions_of(screen.xml)
    changes = [f"question {name!r} is gone or renamed" for name in sorted(ours.keys() - there.keys())]
    changes += [f"question {name!r} was added" for name in sorted(there.keys() - ours.keys())]
    for name in sorted(ours.keys() & there.keys()):
        if missing := ours[name] - there[name]:
            changes.append(f"{name!r} lost {', '.join(sorted(missing))}")
        if added := there[name] - ours[name]:
            changes.append(f"{name!r} gained {len(added)} of its own")
    if changes:
        raise Conflict(
            f"Project {project.project_id} ({screen.project_title}) was changed by hand: {'; '.join(changes)}.",
            hint=f"Paste annotation/label_configs/{screen.name}.xml into its labelling setup; nothing was sent or read.",
        )
