#!/usr/bin/env bash
# Stop the cluster of slurm_up.sh, by its pid files, and remove its folder. KEEP=1 keeps the folder.
set -u
DIR=${RECHECK_SLURM_DIR:-/var/tmp/recheck-slurm}
[ -s "$DIR/slurm.conf" ] || { echo "slurm_down: there is no cluster in $DIR"; exit 0; }
grep -q '^ClusterName=recheck_test$' "$DIR/slurm.conf" || {
    echo "slurm_down: $DIR has another cluster than that of the tests; nothing is changed" >&2
    exit 1
}
export SLURM_CONF=$DIR/slurm.conf
scancel --quiet --me 2>/dev/null

stop() { # pid file
    local pid
    [ -s "$1" ] || return 0
    pid=$(cat "$1")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null
}
for file in "$DIR"/run/slurmd.*.pid "$DIR/run/slurmctld.pid" "$DIR/run/slurmdbd.pid" "$DIR/run/mariadb.pid" "$DIR/run/munged.pid"; do
    stop "$file"
done
[ "${KEEP:-0}" = 1 ] || rm -rf "$DIR"
echo "slurm_down: stopped"
