"""One client's subscription to one type of resource: what it wants, has and acknowledged; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
WILDCARD = "*"


@dataclass
class Subscription(Generic[T]):
    """State of one type on one stream. `whole`: a response must hold all that is wanted, not only what changed."""

    whole: bool
    names: frozenset[str] = frozenset()
    wildcard: bool = False
    named_before: bool = False
    nonce: str = ""
    acknowledged: str = ""  # last version that the client took
    sent: dict[str, T] = field(default_factory=dict)
    unanswered: bool = False  # asked for something since the last response

    def request(self, names: Sequence[str], nonce: str, *, version: str, rejected: bool) -> bool:
        """Takes a request; False if its nonce is stale: then it says nothing.

        The first request of a stream has no nonce. No names from the start means all; later, none any more.
        """
        if nonce != self.nonce:
            return False
        first = not self.nonce and not self.unanswered
        wildcard = WILDCARD in names or (not names and not self.named_before)
        wanted = frozenset(names) - {WILDCARD}
        self.named_before = self.named_before or bool(names)
        added = wanted - self.names or (wildcard and not self.wildcard)
        self.unanswered = self.unanswered or first or bool(added)
        for name in self.names - wanted if not wildcard else ():
            self.sent.pop(name, None)
        self.names, self.wildcard = wanted, wildcard
        if not rejected:
            self.acknowledged = version
        return True

    def wanted(self, resources: Mapping[str, T]) -> dict[str, T]:
        """Those of the resources that it asked for."""
        if self.wildcard:
            return dict(resources)
        return {name: resources[name] for name in sorted(self.names) if name in resources}

    def response(self, resources: Mapping[str, T], nonce: str) -> list[T] | None:
        """What to send now, remembered under `nonce`; None: nothing is new and nothing was asked."""
        wanted = self.wanted(resources)
        changed = {name: value for name, value in wanted.items() if self.sent.get(name) != value}
        gone = self.whole and bool(self.sent.keys() - wanted.keys())
        if not (changed or gone or self.unanswered):
            return None
        self.sent, self.nonce, self.unanswered = wanted, nonce, False
        return list((wanted if self.whole else changed).values())
