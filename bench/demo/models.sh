#!/bin/sh
# Fetches the PP-OCR models (Apache-2.0) that the wheel of rapidocr_onnxruntime ships into build/models. Runs again at no cost.
set -eu
target=build/models
stamp=$target/.rapidocr_onnxruntime-1.4.4
[ -e "$stamp" ] && exit 0
rm -rf "$target"
"${PYTHON:-.venv/bin/python}" -m pip install --quiet --quiet --disable-pip-version-check --no-deps --target "$target" \
    rapidocr_onnxruntime==1.4.4
touch "$stamp"
