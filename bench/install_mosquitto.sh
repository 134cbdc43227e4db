#!/bin/sh
# Puts Mosquitto into build/mosquitto, without root, where PATH has none: the MQTT tests and benches need a broker.
# Never fails: without apt or a mirror the tests that need it say that they are skipped.
set -eu
cd "$(dirname "$0")/.."
if PATH="$PATH:/usr/sbin" command -v mosquitto >/dev/null || [ -x build/mosquitto/usr/sbin/mosquitto ]; then
  exit 0
fi
fetch() {
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
  rm -rf build/mosquitto.part && mkdir -p build/mosquitto.part && cd build/mosquitto.part
  names=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances mosquitto 2>/dev/null | grep -E '^(mosquitto|libmosquitto1|libcjson1|libdlt2|libwebsockets[0-9a-z]*|libev4[a-z0-9]*|libuv1[a-z0-9]*|libwrap0|libnsl2|libtirpc3)$' | sort -u)
  [ -n "$names" ] || return 1
  # shellcheck disable=SC2086
  apt-get download $names >/dev/null 2>&1 || return 1
  for package in *.deb; do dpkg -x "$package" .; rm "$package"; done
  cd ../.. && rm -rf build/mosquitto && mv build/mosquitto.part build/mosquitto
}
(fetch) || { rm -rf build/mosquitto.part; echo "note: no Mosquitto to be had (apt-get download failed); MQTT tests will be skipped" >&2; }
