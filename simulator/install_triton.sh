#!/bin/sh
# Installs Triton's CPU build from PyPI (nvidia-pytriton ships it) and the packages that its Python stub runs models with,
# and puts the launcher `tritonserver` into build/simulator/bin. Run at the repository root; quick when already there.
set -eu
python=${PYTHON:-.venv/bin/python}
pip="$python -m pip install --quiet --disable-pip-version-check"
out=build/simulator
triton=$PWD/build/triton
packages=$PWD/build/triton-python

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in 3.11 | 3.12) ;; *)
    echo "error: the simulated Triton needs Python 3.11 or 3.12 (its stub needs numpy 1.26), this is $version:" \
        "make clean, then make PYTHON=python3.11" >&2
    exit 1
    ;;
esac
library=$("$python" simulator/libpython.py)

if [ ! -e "$triton/.nvidia-pytriton-0.7.0" ]; then
    rm -rf "$triton"
    $pip --no-deps --target "$triton" nvidia-pytriton==0.7.0
    touch "$triton/.nvidia-pytriton-0.7.0"
fi
if [ ! -e "$packages/.numpy-1.26.4-$version" ]; then
    rm -rf "$packages"
    $pip --no-deps --target "$packages" numpy==1.26.4 onnxruntime==1.22.1 flatbuffers protobuf packaging coloredlogs \
        humanfriendly sympy mpmath
    touch "$packages/.numpy-1.26.4-$version"
fi

server=$triton/pytriton/tritonserver
rm -rf "$out/backends"
mkdir -p "$out/bin" "$out/backends"
cp -r "$server/backends/python" "$out/backends/python"
cp "$server/python_backend_stubs/$version/"* "$out/backends/python/"
cp -r simulator/triton/backends/onnxruntime "$out/backends/onnxruntime"
cp simulator/triton/tritonserver "$out/bin/tritonserver"
cat > "$out/triton.env" <<END
triton_root='$server'
triton_python='$packages'
triton_libraries='$triton/nvidia_pytriton.libs:$library'
END
