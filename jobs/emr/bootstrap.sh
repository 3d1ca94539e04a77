#!/bin/sh
# Installs Sensor Jobs on a node, from the lake's own bucket: bootstrap.sh s3://BUCKET/PREFIX/packages/DIGEST [FOLDER]
# FOLDER becomes a virtual environment: $JOBS_EMR_HOME, by default /opt/sensor-jobs. Nothing is asked of the internet.
# A second call finds the work done. What fails is told in one line, the last one of the output.
set -eu

uri=${1:-}
home=${2:-${JOBS_EMR_HOME:-/opt/sensor-jobs}}
version=3.11

fail() {
    [ -s "${log:-}" ] && cat "$log" >&2
    echo "sensor-jobs: $1" >&2
    exit 1
}

# attempt WHAT COMMAND…: run it quietly; where it fails show what it said, and last what could not be done
attempt() {
    what=$1
    shift
    "$@" >"$log" 2>&1 </dev/null || fail "$what"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

python() {
    command -v "python$version"
}

check() {
    (cd / && "$home/bin/python" -I -c '
import sys, pyarrow, jobs, mrjob
from jobs.kernel import library
sys.exit(f"the kernel is missing: {why}" if (why := library.why_missing()) else 0)')
}

case $uri in
s3://*/*) uri=${uri%/} ;;
*) fail "'$uri' is no folder of packages; the first argument is s3://BUCKET/PREFIX/packages/DIGEST" ;;
esac
scratch=$(mktemp -d)
log=$scratch/log
trap 'rm -rf "$scratch"' EXIT

if [ "$(cat "$home/staged-from" 2>/dev/null)" = "$uri" ] && check >"$log" 2>&1; then
    echo "sensor-jobs: $home is up to date"
    exit 0
fi
command -v aws >/dev/null || fail "the aws command is missing, which fetches $uri"
attempt "cannot fetch $uri: the node's role needs s3:ListBucket and s3:GetObject on it" \
    aws s3 cp --recursive --only-show-errors "$uri/" "$scratch/packages"
[ -s "$scratch/packages/requirements.txt" ] || fail "$uri holds no packages, or was not staged to its end"
python >/dev/null ||
    attempt "python$version is missing, and dnf cannot install it" as_root dnf install -y -q "python$version"
if ! mkdir -p "$home" 2>/dev/null || ! [ -w "$home" ]; then
    attempt "cannot make $home" as_root install -d -o "$(id -un)" "$home"
fi
rm -f "$home/staged-from"
attempt "python$version cannot make an environment in $home" "$(python)" -m venv --clear "$home"
attempt "the packages of $uri cannot be installed in $home" \
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-cache-dir \
    --no-index --find-links "$scratch/packages" --require-hashes --no-deps -r "$scratch/packages/requirements.txt"
attempt "what was installed in $home does not run" check
chmod -R a+rX "$home"
echo "$uri" >"$home/staged-from"
echo "sensor-jobs: installed in $home"
