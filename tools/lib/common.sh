# What the tools share. Sourced by bash scripts, with `set -euo pipefail` in force.
# shellcheck shell=bash

HOLKAS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# What is fetched or built lives outside the clone and is shared by all clones.
HOLKAS_CACHE=${HOLKAS_CACHE:-${HOME:?}/.cache/holkas}

# The release programs of this clone: holkas, holkasd, holkas-worker.
HOLKAS_PROGRAMS=$HOLKAS_ROOT/.cache/bin

export HOLKAS_ROOT HOLKAS_CACHE

# Debian's python3, whose modules tools/setup installs; another one may come first in PATH.
PYTHON=/usr/bin/python3
# Debian's Go, for the same reason.
GO=/usr/bin/go
export PYTHON GO

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# Bazel for this clone. HOLKAS_OUTPUT_BASE, if set, keeps concurrent users of one clone apart.
run_bazel() {
  local startup=()
  if [[ -n ${HOLKAS_OUTPUT_BASE:-} ]]; then
    startup+=("--output_base=$HOLKAS_OUTPUT_BASE")
  fi
  (cd "$HOLKAS_ROOT" && bazel "${startup[@]}" "$@")
}

# Builds the release programs and puts them beside each other, where they find each other.
# A program that runs keeps its file: each is replaced by a rename.
stage_programs() {
  run_bazel build --config=release --noshow_progress --ui_event_filters=-info //:programs || return 1
  local built
  built=$(run_bazel info --config=release bazel-bin 2>/dev/null)/programs || return 1
  mkdir -p "$HOLKAS_PROGRAMS"
  local program
  for program in "$built"/*; do
    install -m 0755 "$program" "$HOLKAS_PROGRAMS/.${program##*/}.$$"
    mv -f "$HOLKAS_PROGRAMS/.${program##*/}.$$" "$HOLKAS_PROGRAMS/${program##*/}"
  done
}

# Builds what tests run beside the release programs, and puts it there.
stage_test_programs() {
  run_bazel build --config=release --noshow_progress --ui_event_filters=-info \
    //clients/cpp:conformance_runner || return 1
  install -D -m 0755 -t "$HOLKAS_PROGRAMS" \
    "$(run_bazel info --config=release bazel-bin 2>/dev/null)/clients/cpp/conformance_runner"
}
