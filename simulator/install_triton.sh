#!/bin/sh
# Installs Triton's CPU build from PyPI (nvidia-pytriton ships it), the packages that its Python stub runs models with,
# the backends, and the launcher `tritonserver` in build/simulator/bin. Quick when all is there.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
out=build/simulator
triton=$PWD/build/triton
packages=$PWD/build/triton-python
pytriton=0.7.0
numpy=1.26.4 # the stub misreads inputs under numpy 2

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in 3.11 | 3.12) ;; *)
    echo "error: the simulated Triton needs Python 3.11 or 3.12 (its stub needs numpy $numpy), this is $version:" \
        "make clean, then make PYTHON=python3.11" >&2
    exit 1
    ;;
esac
library=$("$python" simulator/libpython.py)
base=$("$python" -c 'import os, sys; print(os.path.dirname(os.path.realpath(sys._base_executable)))')
# The same onnxruntime as ours, so that a served model answers just what onnxruntime does directly.
onnxruntime=$("$python" -c 'from importlib.metadata import version; print(version("onnxruntime"))')

# Installs into the folder $1 what comes after its stamp $2, unless the stamp is there.
install_into() {
    target=$1 stamp=$1/$2
    shift 2
    [ -e "$stamp" ] && return
    rm -rf "$target.new"
    "$python" -m pip install --quiet --quiet --disable-pip-version-check --target "$target.new" "$@"
    rm -rf "$target"
    mv "$target.new" "$target"
    touch "$stamp"
}

# Puts $1 in place as $2 if it differs; by rename, since running servers have the old one open.
place() {
    cmp -s "$1" "$2" && return
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2.$$"
    mv "$2.$$" "$2"
}

install_into "$triton" ".nvidia-pytriton-$pytriton" --no-deps "nvidia-pytriton==$pytriton"
install_into "$packages" ".python-$version-numpy-$numpy-onnxruntime-$onnxruntime" \
    "numpy==$numpy" "onnxruntime==$onnxruntime" "protobuf<7"

server=$triton/pytriton/tritonserver
backends=$out/backends
place "$server/backends/python/libtriton_python.so" "$backends/python/libtriton_python.so"
place "$server/python_backend_stubs/$version/triton_python_backend_stub" "$backends/python/triton_python_backend_stub"
place "$server/backends/python/triton_python_backend_utils.py" "$backends/python/triton_python_backend_utils.py"
for file in batches.py model.py; do
    place "simulator/triton/backends/onnxruntime/$file" "$backends/onnxruntime/$file"
done
mkdir -p "$out/bin"
place simulator/triton/tritonserver "$out/bin/tritonserver"

cat >"$out/triton.env.$$" <<END
triton_root='$server'
triton_python='$packages'
triton_libraries='$triton/nvidia_pytriton.libs:$library'
triton_path='$base'
END
mv "$out/triton.env.$$" "$out/triton.env"
