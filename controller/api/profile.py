"""Serves ProfileService."""

from __future__ import annotations

from functools import partial
from typing import Any

from controller.api import wire
from controller.api.pages import fitting
from controller.service.profiles import Profiles
from protos.sliceplane.profile.v1 import profile_pb2 as pb
from protos.sliceplane.profile.v1 import profile_pb2_grpc


class ProfileServicer(profile_pb2_grpc.ProfileServiceServicer):
    """Decode, call, encode."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    async def ImportProfile(self, request: pb.ImportProfileRequest, context: Any) -> pb.ImportProfileResponse:
        """Replaces the named profile."""
        asked = wire.profile_in(request.profile)
        stored = await self._profiles.put(asked, request.request_id, request.validate_only)
        return pb.ImportProfileResponse(profile=wire.profile_out(stored, with_points=False))

    async def GetProfile(self, request: pb.GetProfileRequest, context: Any) -> pb.GetProfileResponse:
        """Reads one."""
        found = await self._profiles.get(request.name)
        return pb.GetProfileResponse(profile=wire.profile_out(found, with_points=True))

    async def ListProfiles(self, request: pb.ListProfilesRequest, context: Any) -> pb.ListProfilesResponse:
        """Reads a page."""
        convert = partial(wire.profile_out, with_points=request.with_points)
        found, page = await fitting(self._profiles.list, convert, request.page_size, request.page_token)
        return pb.ListProfilesResponse(profiles=found, next_page_token=page.next_token)

    async def DeleteProfile(self, request: pb.DeleteProfileRequest, context: Any) -> pb.DeleteProfileResponse:
        """Removes one."""
        await self._profiles.delete(
            request.name, request.etag, request.request_id, request.allow_missing, request.validate_only
        )
        return pb.DeleteProfileResponse()
