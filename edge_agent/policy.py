"""The answers to one source's items: to all in their order, or to the newest first, those before it skipped."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable

from edge_agent.agent import Agent, Item
from edge_agent.model import Answer, Policy
from edge_agent.newest import newest_first
from edge_agent.ordered import in_order
from edge_agent.window import Window


def answers_of(
    items: AsyncIterable[Item], agent: Agent, window: Window, policy: Policy
) -> AsyncGenerator[Answer, None]:
    """One answer per item, in their order."""
    if policy is Policy.ALL:
        return in_order(items, agent.answer, window)
    return newest_first(items, agent.answer, agent.skip, window, agent.ready)
