"""The client's verbs for profiles."""

from __future__ import annotations

from protos.sliceplane.profile.v1 import profile_pb2 as pb
from protos.sliceplane.profile.v1.profile_pb2_grpc import ProfileServiceStub
from sliceplane import wire
from sliceplane.client.calls import Calls, request_id_or_new
from sliceplane.types import Profile


class ProfileVerbs:
    """Stores, reads and removes measured profiles."""

    _calls: Calls

    @property
    def _profile_stub(self) -> ProfileServiceStub:
        return ProfileServiceStub(self._calls.channel)

    def import_profile(
        self, profile: Profile, *, request_id: str | None = None, validate_only: bool = False
    ) -> Profile:
        """Stores the profile in place of one of the same name. InvalidArgument names each bad point."""
        request = pb.ImportProfileRequest(
            profile=wire.profile_message(profile),
            request_id=request_id_or_new(request_id),
            validate_only=validate_only,
        )
        return wire.profile(self._calls.unary(self._profile_stub.ImportProfile, request).profile)

    def profile(self, name: str) -> Profile:
        """Reads one profile with its points. NotFound."""
        request = pb.GetProfileRequest(name=name)
        return wire.profile(self._calls.unary(self._profile_stub.GetProfile, request).profile)

    def profiles(self, *, with_points: bool = False) -> tuple[Profile, ...]:
        """Every profile, by name."""
        pages = self._calls.pages(self._profile_stub.ListProfiles, pb.ListProfilesRequest, with_points=with_points)
        return tuple(wire.profile(one) for page in pages for one in page.profiles)

    def delete_profile(
        self,
        name: str,
        *,
        etag: str = "",
        request_id: str | None = None,
        allow_missing: bool = False,
        validate_only: bool = False,
    ) -> None:
        """Removes a profile. NotFound unless `allow_missing`; FailedPrecondition while a workload plans with it."""
        request = pb.DeleteProfileRequest(
            name=name,
            etag=etag,
            request_id=request_id_or_new(request_id),
            validate_only=validate_only,
            allow_missing=allow_missing,
        )
        self._calls.unary(self._profile_stub.DeleteProfile, request)
