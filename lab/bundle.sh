#!/usr/bin/env bash
# Writes one archive with which `make setup OFFLINE=FILE` needs no network, on machines of this system and processor: wheels and
# source packages of every lock file, the Node tools, and Python 3.13 where the lab has fetched one.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
cd "$root"
archive=${BUNDLE:-lab-bundle.tar}
work=.lab/bundle
pip=(.lab/env/uv/bin/python -m pip --python .lab/env/lab/bin/python download --quiet --disable-pip-version-check --no-deps)

printf 'bundle: packages of the lock files (about 350 MiB)\n'
rm -rf "$work"
mkdir -p "$work"
for lock in requirements/{uv,node,lab,functions,bundle-powertools,bundle-validation,bundle-redrive,bundle-tracing} emulator/requirements/{engine,runtime}; do
  "${pip[@]}" --require-hashes --dest "$work/wheels" --requirement "$lock.txt" >"$work/pip.log" 2>&1 \
    || { cat "$work/pip.log" >&2; die "The packages of $lock.txt could not be had." "make doctor looks at the network"; }
done
cp -R infra/node_modules "$work/node_modules"
if [[ -d .lab/python ]]; then cp -R .lab/python "$work/python"; fi
uname -sm >"$work/platform"
tar -cf "$archive" -C "$work" platform wheels node_modules $([[ ! -d $work/python ]] || echo python)
rm -rf "$work"
printf 'bundle: %s, %s MiB; there: make setup OFFLINE=%s\n' "$archive" "$(($(wc -c <"$archive") / 1048576))" "$archive"
[[ -d .lab/python ]] || printf 'bundle: without Python 3.13, which that machine must have (in a clone set up with FETCH_PYTHON=1 it is included)\n'
