#!/bin/sh
# Builds the simulated host's parts into build/simulator: lib/libnvidia-ml.so.1 and bin/. Run at the repository root.
set -eu
out=build/simulator
mkdir -p "$out/lib" "$out/bin"
flags="-std=c11 -O2 -Wall -Wextra -Werror"
newest=$(find simulator -name '*.[ch]' -newer "$out/lib/libnvidia-ml.so.1" 2>/dev/null | head -n 1 || true)
if [ ! -e "$out/lib/libnvidia-ml.so.1" ] || [ -n "$newest" ]; then
    ${CC:-gcc} $flags -fPIC -shared -fvisibility=hidden -Wl,-soname,libnvidia-ml.so.1 \
        -o "$out/lib/.new" simulator/nvml/*.c -lpthread
    ${CC:-gcc} $flags -o "$out/bin/.new" simulator/mps/control.c
    mv "$out/bin/.new" "$out/bin/nvidia-cuda-mps-control"
    mv "$out/lib/.new" "$out/lib/libnvidia-ml.so.1"
fi
