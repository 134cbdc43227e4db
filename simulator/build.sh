#!/bin/sh
# Builds the simulated host's parts into build/simulator: lib/libnvidia-ml.so.1 and bin/. Quick when up to date.
set -eu
cd "$(dirname "$0")/.."
out=build/simulator
library=$out/lib/libnvidia-ml.so.1
daemon=$out/bin/nvidia-cuda-mps-control
flags="-std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -pthread"

command -v "${CC:-gcc}" >/dev/null || {
    echo "error: no C compiler, which the simulated GPU host needs: apt-get install gcc libc6-dev" >&2
    exit 1
}

# Whether $1 is missing or older than a file it is made of. A target is replaced whole: processes keep what they loaded.
is_stale() {
    [ ! -e "$1" ] || [ -n "$(find simulator/nvml simulator/mps simulator/build.sh -type f -newer "$1" | head -n 1)" ]
}

mkdir -p "$out/lib" "$out/bin"
if is_stale "$library"; then
    # shellcheck disable=SC2086
    "${CC:-gcc}" $flags -fPIC -shared -fvisibility=hidden -Wl,-soname,libnvidia-ml.so.1 \
        -o "$library.$$" simulator/nvml/*.c
    mv "$library.$$" "$library"
fi
if is_stale "$daemon"; then
    # shellcheck disable=SC2086
    "${CC:-gcc}" $flags -o "$daemon.$$" simulator/mps/*.c simulator/nvml/state.c simulator/nvml/state_text.c \
        simulator/nvml/rules.c
    mv "$daemon.$$" "$daemon"
fi
