#!/bin/sh
# Regenerates the checked-in stubs from the .proto files. Run at the repository root.
set -eu
python=${PYTHON:-.venv/bin/python}
PATH=$(dirname "$python"):$PATH
find protos -name '*_pb2*.py*' -delete
"$python" -m grpc_tools.protoc -I . --python_out=. --grpc_python_out=. --mypy_out=quiet:. --mypy_grpc_out=quiet:. \
    $(find protos -name '*.proto' | sort)
find protos -type d -exec touch {}/__init__.py \;
