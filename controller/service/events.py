"""What the API does with events and past plans: reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from controller.model import Event, Page, Plan
from controller.ports import EventStore
from controller.ports_public import PlanStore
from controller.service import rules

LAST = (1 << 63) - 1


class Events:
    """Reads events."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def list(self, page_size: int, page_token: str, kind: str, subject: str) -> Page[Event]:
        """Reads a page, oldest first."""
        rules.raise_if_any(rules.text("subject_kind", kind), rules.text("subject", subject))
        return await self._store.list(page_size, page_token, kind, subject)

    def watch(self, resume_revision: int, subject: str) -> AsyncIterator[Event]:
        """Endless events."""
        rules.raise_if_any(rules.text("subject", subject), rules.within("resume_revision", resume_revision, 0, LAST))
        return self._store.watch(resume_revision, subject)


class Plans:
    """Reads past plans."""

    def __init__(self, store: PlanStore) -> None:
        self._store = store

    async def get(self, plan_id: int) -> Plan:
        """Reads one; 0: the newest."""
        rules.raise_if_any(rules.within("id", plan_id, 0, LAST))
        return await self._store.get(plan_id)

    async def list(self, page_size: int, page_token: str) -> Page[Plan]:
        """Reads a page, newest first."""
        return await self._store.list(page_size, page_token)
