"""The client's verbs for models: streamed upload and download, verified by digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from common.digests import file_digest
from common.errors import FailedPrecondition, InvalidArgument, Violation
from common.names import name_violation
from protos.sliceplane.model.v1 import model_pb2 as pb
from protos.sliceplane.model.v1.model_pb2_grpc import ModelServiceStub
from sliceplane import wire
from sliceplane.client.calls import Calls, request_id_or_new, translated
from sliceplane.types import Model, Pushed

CHUNK = 1 << 20

Progress = Callable[[int, int], None]  # bytes done, bytes in all


class ModelVerbs:
    """Uploads, downloads, reads and removes models."""

    _calls: Calls

    @property
    def _model_stub(self) -> ModelServiceStub:
        return ModelServiceStub(self._calls.channel)

    def push_model(
        self,
        name: str,
        path: Path | str,
        *,
        format: str = "",
        request_id: str | None = None,
        progress: Progress | None = None,
    ) -> Pushed:
        """Uploads a file as the newest version of a model; the same bytes again change nothing.

        `format`: "onnx", "bundle" or "" (told from the content). OSError if the file cannot be read;
        InvalidArgument (name, content), ResourceExhausted (too large).
        """
        violation = name_violation("name", name)
        if violation:
            raise InvalidArgument(violation)
        if format not in wire.FORMAT_BACK:
            raise InvalidArgument(Violation("format", f'"{format}" is none of onnx, bundle'))
        size = Path(path).stat().st_size
        if not size:
            raise InvalidArgument(Violation("file", f"{path} is empty"))
        header = pb.UploadHeader(
            name=name,
            digest=file_digest(Path(path)),
            size_bytes=size,
            format=wire.FORMAT_BACK[format],
            request_id=request_id_or_new(request_id),
        )
        limit = self._calls.limits.transfer_s

        def attempt() -> Pushed:
            with Path(path).open("rb") as file, translated(self._calls.server, limit):
                parts = _upload(header, file, progress)
                response = self._model_stub.UploadModel(parts, timeout=limit)
            return Pushed(wire.model(response.model), response.already_existed)

        return self._calls.patiently(attempt)

    def pull_model(
        self, path: Path | str, *, name: str = "", digest: str = "", progress: Progress | None = None
    ) -> str:
        """Downloads one version (by digest, or the newest of `name`) to `path`; returns its digest.

        The file appears whole and verified or not at all. NotFound; FailedPrecondition if the bytes are not
        what their digest says.
        """
        target = Path(path)
        part = target.with_name(target.name + ".part")
        try:
            with part.open("w+b") as file:
                found = self._calls.patiently(lambda: self._download(file, name, digest, progress))
            if file_digest(part) != found:
                raise FailedPrecondition(found, f"the bytes received are not {found}: pull again", reason="DIGEST")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return found

    def _download(self, file: BinaryIO, name: str, digest: str, progress: Progress | None) -> str:
        file.seek(0)  # a newer version may have become the newest meanwhile: begin anew
        file.truncate()
        limit, found, size = self._calls.limits.transfer_s, "", 0
        request = pb.DownloadModelRequest(name=name, digest=digest)
        with translated(self._calls.server, limit):
            for message in self._model_stub.DownloadModel(request, timeout=limit):
                found, size = message.digest or found, message.size_bytes or size
                file.write(message.chunk)
                if progress:
                    progress(file.tell(), size)
        return found

    def model(self, name: str) -> Model:
        """Reads one model's description. NotFound."""
        return wire.model(self._calls.unary(self._model_stub.GetModel, pb.GetModelRequest(name=name)).model)

    def models(self) -> tuple[Model, ...]:
        """Every model, by name."""
        pages = self._calls.pages(self._model_stub.ListModels, pb.ListModelsRequest)
        return tuple(wire.model(one) for page in pages for one in page.models)

    def delete_model(
        self,
        name: str,
        *,
        etag: str = "",
        request_id: str | None = None,
        allow_missing: bool = False,
        validate_only: bool = False,
    ) -> None:
        """Removes a model with all versions. NotFound unless `allow_missing`; FailedPrecondition while in use."""
        request = pb.DeleteModelRequest(
            name=name,
            etag=etag,
            request_id=request_id_or_new(request_id),
            validate_only=validate_only,
            allow_missing=allow_missing,
        )
        self._calls.unary(self._model_stub.DeleteModel, request)


def _upload(header: pb.UploadHeader, file: BinaryIO, progress: Progress | None) -> Iterator[pb.UploadModelRequest]:
    yield pb.UploadModelRequest(header=header)
    while chunk := file.read(CHUNK):
        yield pb.UploadModelRequest(chunk=chunk)
        if progress:
            progress(file.tell(), header.size_bytes)
