#!/bin/sh
# Fails if the checked-in stubs are not what the .proto files generate. Run at the repository root.
set -eu
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r protos "$copy/protos"
python=$PWD/.venv/bin/python
(cd "$copy" && PYTHON=$python protos/generate.sh)
if ! diff -r -q -x __pycache__ protos "$copy/protos"; then
    echo "error: the stubs differ from what the .proto files say: run make protos and commit" >&2
    exit 1
fi
