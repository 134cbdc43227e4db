#!/bin/sh
# Puts libfaketime into build/faketime, without root; without apt the chaos run does without jumps of the clock and says so.
set -eu
cd "$(dirname "$0")/../.."
[ -d build/faketime ] && exit 0
rm -rf build/faketime.part && mkdir -p build/faketime.part && cd build/faketime.part
if apt-get download libfaketime >/dev/null 2>&1; then
  for package in *.deb; do dpkg -x "$package" .; rm "$package"; done
  cd .. && mv faketime.part faketime
else
  cd .. && rm -rf faketime.part
fi
