#!/bin/sh
# Builds tests/cpp/*.cpp, or the drivers that are named, under sanitizers, with the sources that their first lines name, and runs them; any
# finding ends with a non-zero code.
# AYAR_FUZZ_ITERATIONS sets how many texts a fuzz driver tries.
set -eu
cd "$(dirname "$0")/../.."
iterations=${AYAR_FUZZ_ITERATIONS:-30000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
[ $# -gt 0 ] || set -- tests/cpp/*.cpp
for driver; do
  sources=$(sed -n 's|^// sources: ||p' "$driver")
  sanitizers=$(sed -n 's|^// sanitizers: ||p' "$driver")
  for sanitizer in ${sanitizers:-address,undefined}; do
    echo "$driver ($sanitizer)"
    # shellcheck disable=SC2086  # a list of files
    ${CXX:-c++} -std=c++20 -O1 -g -fopenmp-simd -fsanitize="$sanitizer" -fno-sanitize-recover=all -fno-omit-frame-pointer \
      -Icsrc "$driver" $sources -o "$work/driver" -pthread
    "$work/driver" "$iterations"
  done
done
