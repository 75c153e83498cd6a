#!/usr/bin/env bash
# Whether every lock file has a wheel of each package for Linux and macOS, on x86-64 and arm64: by resolving, nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
platforms=${*:-x86_64-manylinux_2_28 aarch64-manylinux_2_28 x86_64-apple-darwin aarch64-apple-darwin}
# Published as sources alone, all pure Python.
sources="airspeed-ext crontab jsonpath-rw localstack-client"
without_wheel() {
  case $1 in
    # awslambdaric builds its native module on Linux only, and the emulator has a stand-in for it; lazy-object-proxy, in C, is
    # compiled on an Intel Mac, by Xcode's command line tools
    x86_64-apple-darwin) printf '%s awslambdaric lazy-object-proxy' "$sources" ;;
    *darwin) printf '%s awslambdaric' "$sources" ;;
    *) printf '%s' "$sources" ;;
  esac
}
failed=0
for platform in $platforms; do
  skipped=$(without_wheel "$platform")
  for lock in requirements/{uv,node,lab,functions} emulator/requirements/{engine,runtime}; do
    awk -v skipped=" $skipped " '/^[^ #]/ {split($1, name, "[=;]"); keep = index(skipped, " " name[1] " ") == 0} keep' "$lock.txt" \
      | .lab/env/uv/bin/uv pip install --quiet --dry-run --no-deps --python .lab/env/lab/bin/python --python-version 3.13 \
          --python-platform "$platform" --only-binary :all: --target .lab/none --require-hashes --requirement - \
      && continue
    printf 'error: %s.txt cannot be installed from wheels on %s\n' "$lock" "$platform" >&2
    failed=1
  done
done
[[ $failed == 1 ]] || printf 'wheels for: %s\n' "$platforms"
exit $failed
