# What scripts have to know of this machine: whom it trusts, where packages come from, where caches go, which Pythons it has.
# To be sourced by bash. What the user has set stays as it is.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

NEED_PYTHON="Install your system's (Debian, Ubuntu: apt-get install python3-venv; macOS: xcode-select --install), then run: make setup"
die() { printf 'error: %s\n  fix: %s\n' "$1" "$2" >&2; exit 1; }

# Whether files can be made in a folder, which is made if it has to be: nothing else says it for every file system and user.
writable() { mkdir -p "$1" 2>/dev/null && [[ -w $1 ]]; }

# The system's certificates, so that a network that inspects TLS needs its CA in one place only. macOS has no file of
# them: uv, Node and pip (24.2 and newer) ask its keychain.
trust_the_system() {
  local place
  export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}" NODE_USE_SYSTEM_CA="${NODE_USE_SYSTEM_CA:-1}"
  for place in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem; do
    [[ -n $place && -r $place ]] || continue
    export SSL_CERT_FILE="$place" NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$place}"
    export PIP_CERT="${PIP_CERT:-$place}" AWS_CA_BUNDLE="${AWS_CA_BUNDLE:-$place}"
    return
  done
}

# One mirror named for pip or for uv is the other's as well; npm has npm_config_registry.
share_the_mirror() {
  local index=${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-${PIP_INDEX_URL:-}}}
  [[ -z $index ]] || export UV_DEFAULT_INDEX="$index" PIP_INDEX_URL="${PIP_INDEX_URL:-$index}"
}

place_caches() {
  writable "${XDG_CACHE_HOME:-${HOME:-/}/.cache}" && writable "${HOME:-/}/.npm" && return
  export UV_CACHE_DIR="${UV_CACHE_DIR:-$root/.lab/cache/uv}" PIP_CACHE_DIR="${PIP_CACHE_DIR:-$root/.lab/cache/pip}"
  export npm_config_cache="${npm_config_cache:-$root/.lab/cache/npm}" CDK_HOME="${CDK_HOME:-$root/.lab/cache/cdk}"
  export JSII_RUNTIME_PACKAGE_CACHE_ROOT="${JSII_RUNTIME_PACKAGE_CACHE_ROOT:-$root/.lab/cache/jsii}"
}

# Where `make setup OFFLINE=...` has unpacked an archive of `make bundle`, packages come from it alone.
stay_offline() {
  [[ -d $root/.lab/offline/wheels ]] || return 0
  export UV_OFFLINE=1 UV_FIND_LINKS="$root/.lab/offline/wheels" PIP_NO_INDEX=1 PIP_FIND_LINKS="$root/.lab/offline/wheels"
}

# Prints the path of a Python 3.13. Ends the script where the one that PYTHON names is none.
find_python() {
  local candidate said
  if [[ -n ${PYTHON:-} ]]; then
    said=$("$PYTHON" -c 'import sys; print(sys.executable, "%d.%d" % sys.version_info[:2])' 2>&1) \
      || die "PYTHON=$PYTHON cannot start: ${said##*$'\n'}" "Name one that can, or none: the lab then looks for Python 3.13 itself"
    [[ ${said##* } == 3.13 ]] || die "PYTHON=$PYTHON is Python ${said##* }; the lab needs 3.13." "Name a Python 3.13, or none"
    printf '%s\n' "${said% *}"
    return
  fi
  for candidate in python3.13 python3 python "$root"/.lab/python/cpython-3.13*/bin/python3.13 \
      "${HOME:-}"/.pyenv/versions/3.13*/bin/python "$(uv python find --no-python-downloads 3.13 2>/dev/null || true)"; do
    [[ -n $candidate ]] || continue
    "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || continue
    "$candidate" -c 'import sys; print(sys.executable)'
    return
  done
  return 1
}

# Prints the path of any Python that can run pip and what is written for all of them: 3.9 or newer.
find_older_python() {
  local candidate
  for candidate in python3 python3.12 python3.11 python3.10 python3.9 python; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null || continue
    "$candidate" -c 'import sys; print(sys.executable)'
    return
  done
  return 1
}

# Whether the system's Node is one of a line that gets fixes: an even number from 22 on, with its npm.
has_current_node() {
  command -v npm >/dev/null && node -e 'const [n] = process.versions.node.split("."); process.exit(n >= 22 && n % 2 === 0 ? 0 : 1)' 2>/dev/null
}

trust_the_system
share_the_mirror
place_caches
stay_offline
