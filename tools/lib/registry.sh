# A real registry of one's own: Debian's docker-registry on the loopback, without TLS.
# Sourced by bash scripts after common.sh.
# shellcheck shell=bash

# Starts a registry that keeps its files in a directory, and sets REGISTRY (host:port) and
# REGISTRY_PID. The caller kills it.
start_registry() { # directory
  local port token try
  mkdir -p "$1"
  for try in 1 2 3 4 5; do
    # A port that is free now; another process may take it first, therefore the tries.
    port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    token=$$-$RANDOM-$try
    cat >"$1/config.yml" <<EOF
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $1/files}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port", headers: {X-Holkas-Registry: ["$token"]}}
EOF
    docker-registry serve "$1/config.yml" >"$1/log" 2>&1 &
    REGISTRY_PID=$!
    if registry_answers "$port" "$token"; then
      # shellcheck disable=SC2034  # for the caller
      REGISTRY=127.0.0.1:$port
      return
    fi
    kill "$REGISTRY_PID" 2>/dev/null || true
    wait "$REGISTRY_PID" 2>/dev/null || true
  done
  die "docker-registry does not start: $(tail -3 "$1/log")"
}

# Whether our registry, and not a stranger on the same port, answers within ten seconds.
registry_answers() { # port token
  local deadline=$((SECONDS + 10))
  while ((SECONDS < deadline)) && kill -0 "$REGISTRY_PID" 2>/dev/null; do
    if curl -sI --noproxy '*' --max-time 2 "http://127.0.0.1:$1/v2/" 2>/dev/null |
      tr -d '\r' | grep -qix "X-Holkas-Registry: $2"; then
      return 0
    fi
    sleep 0.05
  done
  return 1
}
