#!/usr/bin/env bash
# Builds stand-ins for the images that the lab pulls elsewhere, from Debian, PyPI and npm packages only:
#   lab-offline/localstack:4.14.0  lab-offline/lambda-python:3.13  lab-offline/python:3.13-slim
# Needs root, debootstrap, npm and a Docker engine with buildx. Layers are cached; without changes it takes seconds.
set -euo pipefail
cd "$(dirname "$0")/../.."
export DOCKER_BUILDKIT=1
base=lab-offline/debian:trixie
simulator=amplify-dynamodb-simulator@2.9.30
simulator_sha512=c5379e44bbf311fab2779961ddb1f8734907bd21c79a6843e590ec1c5280439836665e89aa515dbad6908422c7cf1129e91cb5a3b4c1ea7888a17b9002749ec1
downloads=.lab/offline

die() { printf 'error: %s\n  fix: %s\n' "$1" "$2" >&2; exit 1; }
step() { local now; now=$(date +%s%N); printf 'images-offline: %-24s %5d.%d s\n' "$1" $(((now - last) / 1000000000)) $(((now - last) / 100000000 % 10)); last=$now; }
last=$(date +%s%N)

debian_mirror() {
  . /etc/os-release
  apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' \
    "Release: $VERSION_CODENAME" 'Component: main' | sort -u | sed -n 1p
}

build_base() {
  local mirror
  mirror=${APT_MIRROR:-$(debian_mirror)}
  [[ -n $mirror ]] || die "No Debian mirror is among this machine's apt sources." "Name one: APT_MIRROR=URL make images-offline"
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase --include=ca-certificates trixie "$root" "${mirror%/}" >"$downloads/debootstrap.log" \
    || die "debootstrap failed." "Read $downloads/debootstrap.log"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  # A machine behind a proxy of its own trusts more authorities; so must pip inside the builds.
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >/dev/null 2>&1
  fi
  tar -C "$root" --numeric-owner -c . | docker import \
    -c 'CMD ["/bin/bash"]' -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$base" >/dev/null
}

build() { # TAG DOCKERFILE
  docker build --quiet --build-arg BASE="$base" --tag "lab-offline/$1" --file "emulator/offline/$2" . >"$downloads/build.log" 2>&1 \
    || { cat "$downloads/build.log" >&2; die "The image lab-offline/$1 could not be built." "Read the lines above"; }
}

docker info >/dev/null 2>&1 || die "No Docker engine answers." "Start one (as root: dockerd)"
command -v debootstrap >/dev/null || die "debootstrap is missing." "Run: apt-get install debootstrap"
mkdir -p "$downloads"

docker image inspect "$base" >/dev/null 2>&1 || build_base
step "Debian trixie"

archive=$downloads/amplify-dynamodb-simulator.tgz
if ! sha512sum --check --status <<<"$simulator_sha512  $archive" 2>/dev/null; then
  (cd "$downloads" && mv "$("$OLDPWD/.lab/env/node/bin/npm" pack --silent "$simulator" 2>/dev/null)" "$(basename "$archive")")
  sha512sum --check --quiet <<<"$simulator_sha512  $archive" || die "$simulator is not the file it was." "Do not use it"
fi
step "DynamoDB Local"

build python:3.13-slim python/Dockerfile
step "python"
build lambda-python:3.13 lambda/Dockerfile
step "lambda-python"
build localstack:4.14.0 localstack/Dockerfile
step "localstack"
docker images --filter reference='lab-offline/*' --format '{{.Repository}}:{{.Tag}} {{.Size}}'
