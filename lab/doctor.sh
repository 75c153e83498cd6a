#!/usr/bin/env bash
# `make doctor`: lab doctor where the environments are there, else what can be said before anything is installed.
set -euo pipefail
. "$(dirname "$0")/machine.sh"
if [[ -f $root/.lab/env/stamp && -x $root/.lab/env/lab/bin/lab ]]; then exec "$root/.lab/bin/lab" doctor; fi
printf 'Nothing is installed yet (make setup does); what setup will find:\n\n'
python=$(find_python || true)
older=${python:-$(find_older_python || true)}
[[ -n $older ]] || die "No Python of 3.9 or newer found; one is needed to begin with." "$NEED_PYTHON"
if has_current_node; then
  printf '%-14s %s\n' node "$(node --version)"
else
  printf '%-14s %s\n' node "none of a line that gets fixes: setup takes one from a wheel"
fi
exec "$older" -I "$root/lab/engines/preflight.py" --python "$python"
