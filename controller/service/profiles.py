"""What the API does with profiles."""

from __future__ import annotations

from dataclasses import replace

from common.names import name_violation
from controller.model import Page, Profile
from controller.ports_public import ProfileStore
from controller.service import rules

DEFAULT_PRODUCT = "A100-SXM4-80GB"


class Profiles:
    """Keeps the measurements that the allocator plans with."""

    def __init__(self, store: ProfileStore) -> None:
        self._store = store

    async def put(self, profile: Profile, request_id: str, validate_only: bool) -> Profile:
        """Replaces the named profile."""
        profile = replace(profile, gpu_product=profile.gpu_product or DEFAULT_PRODUCT)
        rules.check_profile(profile)
        rules.raise_if_any(rules.text("request_id", request_id))
        return await self._store.put(profile, request_id=request_id, validate_only=validate_only)

    async def get(self, name: str) -> Profile:
        """Reads one with its points."""
        rules.raise_if_any(name_violation("name", name))
        return await self._store.get(name)

    async def list(self, page_size: int, page_token: str) -> Page[Profile]:
        """Reads a page by name."""
        return await self._store.list(page_size, page_token)

    async def delete(self, name: str, etag: str, request_id: str, allow_missing: bool, validate_only: bool) -> None:
        """Removes one."""
        rules.raise_if_any(name_violation("name", name), rules.text("etag", etag), rules.text("request_id", request_id))
        await self._store.delete(
            name, etag=etag, request_id=request_id, allow_missing=allow_missing, validate_only=validate_only
        )
