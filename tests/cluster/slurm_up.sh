#!/usr/bin/env bash
# A SLURM cluster on one bare Debian machine, as root, for the tests: munge, MariaDB, slurmdbd, slurmctld
# and several slurmd, the nodes being names on the loopback interface; fake GPUs that schedule as real ones
# do. Everything (configuration, keys, database, logs, ports) is separate, under RECHECK_SLURM_DIR, so that
# a SLURM of this machine is neither touched nor disturbed.
#
#   RECHECK_TEST_CLUSTER=1 tests/cluster/slurm_up.sh        start what is not running yet
#   . "$RECHECK_SLURM_DIR/env.sh"                           then squeue, sbatch ... talk to it
#   tests/cluster/slurm_down.sh                             stop it and remove its folder
#
#   RECHECK_SLURM_DIR          default /var/tmp/recheck-slurm
#   RECHECK_SLURM_ACCOUNTING   1 (default), or 0: without slurmdbd
#   RECHECK_SLURM_CGROUP       auto (default): memory limits by cgroup where this machine allows it; or 0
set -euo pipefail

[ "${RECHECK_TEST_CLUSTER:-}" = 1 ] || {
    echo "slurm_up: starts a cluster for tests; set RECHECK_TEST_CLUSTER=1 if that is what you want" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || { echo "slurm_up: must be root" >&2; exit 1; }

DIR=${RECHECK_SLURM_DIR:-/var/tmp/recheck-slurm}
ACCOUNTING=${RECHECK_SLURM_ACCOUNTING:-1}
CGROUP=${RECHECK_SLURM_CGROUP:-auto}
HOST=$(hostname -s)
NODES="main fragile requeue cancel abrupt"

say() { printf '[slurm_up %3ds] %s\n' "$SECONDS" "$*"; }
wait_for() { # seconds, what, command...
    local until=$((SECONDS + $1)) what=$2
    shift 2
    while [ "$SECONDS" -le "$until" ]; do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    echo "slurm_up: $what did not come up; see $DIR/log" >&2
    return 1
}
running() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

# --- packages
PACKAGES="slurmctld slurmd slurm-client munge"
[ "$ACCOUNTING" = 1 ] && PACKAGES="$PACKAGES slurmdbd mariadb-server"
MISSING=""
for package in $PACKAGES; do
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || MISSING="$MISSING $package"
done
if [ -n "$MISSING" ]; then
    say "apt-get install$MISSING"
    LOG=$(mktemp)
    # policy-rc.d: the packages must not start daemons themselves.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    # shellcheck disable=SC2086
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $MISSING; } >"$LOG" 2>&1; then
        tail -20 "$LOG" >&2
        echo "slurm_up: the packages$MISSING could not be installed" >&2
        exit 1
    fi
fi

install -d -m 0755 "$DIR" "$DIR/log" "$DIR/run" "$DIR/state" "$DIR/spool"

# --- munge, with a separate key and socket
install -d -m 0700 "$DIR/munge"
[ -s "$DIR/munge/key" ] || { dd if=/dev/urandom of="$DIR/munge/key" bs=1024 count=1 2>/dev/null; chmod 0400 "$DIR/munge/key"; }
MUNGE_SOCKET=$DIR/run/munge.socket
if ! munge -n --socket="$MUNGE_SOCKET" </dev/null 2>/dev/null | unmunge --socket="$MUNGE_SOCKET" >/dev/null 2>&1; then
    rm -f "$MUNGE_SOCKET"*
    munged --force --key-file="$DIR/munge/key" --socket="$MUNGE_SOCKET" --pid-file="$DIR/run/munged.pid" \
        --log-file="$DIR/log/munged.log" --seed-file="$DIR/munge/seed" 2>>"$DIR/log/munged.log"
    wait_for 10 munged sh -c "munge -n --socket=$MUNGE_SOCKET </dev/null | unmunge --socket=$MUNGE_SOCKET"
fi

# --- whether memory can be limited here
if [ "$CGROUP" = auto ]; then
    CGROUP=0
    probe=/sys/fs/cgroup/memory/recheck_probe_$$
    if mkdir "$probe" 2>/dev/null; then
        if echo 100000000 >"$probe/memory.limit_in_bytes" 2>/dev/null && [ -w /sys/fs/cgroup/freezer ]; then CGROUP=v1; fi
        rmdir "$probe"
    fi
fi

# --- configuration
NODE_LINES=""
: >"$DIR/gres.conf.new"
port=16901
for node in $NODES; do
    gres=""
    if [ "$node" = main ]; then
        gres="Gres=gpu:fake:4"
        for i in 0 1 2 3; do [ -c "$DIR/gpu$i" ] || mknod -m 666 "$DIR/gpu$i" c 1 3; done
        echo "NodeName=$node Name=gpu Type=fake File=$DIR/gpu[0-3]" >>"$DIR/gres.conf.new"
    fi
    NODE_LINES+="NodeName=$node NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$port CPUs=8 RealMemory=16000 $gres State=UNKNOWN"$'\n'
    port=$((port + 1))
    install -d "$DIR/spool/$node"
done
if [ "$CGROUP" = v1 ]; then
    TRACKING=$'ProctrackType=proctrack/linuxproc\nTaskPlugin=task/cgroup\nJobAcctGatherType=jobacct_gather/linux'
    printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\nConstrainRAMSpace=yes\nAllowedRAMSpace=100\nConstrainSwapSpace=no\nConstrainCores=no\nConstrainDevices=no\n' >"$DIR/cgroup.conf"
else
    TRACKING=$'ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/linux\nJobAcctGatherParams=OverMemoryKill'
    rm -f "$DIR/cgroup.conf"
fi
if [ "$ACCOUNTING" = 1 ]; then
    STORAGE=$'AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=localhost\nAccountingStoragePort=16819\nAccountingStorageTRES=gres/gpu\nAccountingStoragePass='$MUNGE_SOCKET
else
    STORAGE='AccountingStorageType=accounting_storage/none'
fi
cat >"$DIR/slurm.conf.new" <<CONF
ClusterName=recheck_test
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits until its credential has expired: 120 s by default, too long for a test.
AuthInfo=socket=$MUNGE_SOCKET,cred_expire=20
SlurmctldPort=16817
SlurmctldPidFile=$DIR/run/slurmctld.pid
SlurmdPidFile=$DIR/run/slurmd.%n.pid
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool/%n
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/slurmd.%n.log
MpiDefault=none
SwitchType=switch/none
$TRACKING
JobAcctGatherFrequency=1
$STORAGE
JobCompType=jobcomp/none
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=2,sched_interval=3
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
GresTypes=gpu
ReturnToService=1
JobRequeue=1
KillWait=8
MinJobAge=300
SlurmctldTimeout=30
SlurmdTimeout=60
InactiveLimit=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MaxArraySize=1001
$NODE_LINES
# The default partition for all that is no fault; then one partition and node for each fault, so that
# they can be tried at the same time. "urgent" preempts.
PartitionName=main Nodes=main Default=YES MaxTime=1-00:00:00 DefaultTime=20 State=UP PriorityTier=1 PreemptMode=OFF
PartitionName=fragile Nodes=fragile MaxTime=1:00:00 DefaultTime=20 State=UP PriorityTier=1 PreemptMode=OFF
PartitionName=requeue Nodes=requeue MaxTime=1:00:00 DefaultTime=20 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=cancel Nodes=cancel MaxTime=1:00:00 DefaultTime=20 State=UP PriorityTier=1 PreemptMode=CANCEL GraceTime=20
PartitionName=abrupt Nodes=abrupt MaxTime=1:00:00 DefaultTime=20 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=0
PartitionName=urgent Nodes=requeue,cancel,abrupt MaxTime=1:00:00 DefaultTime=20 State=UP PriorityTier=10 PreemptMode=OFF
CONF
CHANGED=0
for file in slurm.conf gres.conf; do
    if cmp -s "$DIR/$file.new" "$DIR/$file"; then rm "$DIR/$file.new"; else mv "$DIR/$file.new" "$DIR/$file"; CHANGED=1; fi
done
export SLURM_CONF=$DIR/slurm.conf
if running "$DIR/run/slurmctld.pid" && [ "$CHANGED" = 1 ]; then
    echo "slurm_up: $DIR has a running cluster of another configuration; stop it first (slurm_down.sh)" >&2
    exit 1
fi
cat >"$DIR/env.sh" <<ENV
export RECHECK_TEST_CLUSTER=1 RECHECK_SLURM_DIR=$DIR SLURM_CONF=$DIR/slurm.conf
export RECHECK_SLURM_CGROUP=$CGROUP RECHECK_SLURM_ACCOUNTING=$ACCOUNTING
ENV

# --- accounting
if [ "$ACCOUNTING" = 1 ]; then
    export MYSQL_UNIX_PORT=$DIR/run/mysql.sock
    if ! mariadb-admin --no-defaults --socket="$MYSQL_UNIX_PORT" ping >/dev/null 2>&1; then
        if [ ! -d "$DIR/mysql/mysql" ]; then
            install -d -o mysql -g mysql -m 0700 "$DIR/mysql"
            mariadb-install-db --no-defaults --user=mysql --datadir="$DIR/mysql" --skip-test-db >"$DIR/log/mariadb-install.log" 2>&1
        fi
        chmod 0777 "$DIR/run"
        setsid nohup mariadbd --no-defaults --user=mysql --datadir="$DIR/mysql" --socket="$MYSQL_UNIX_PORT" \
            --pid-file="$DIR/run/mariadb.pid" --skip-networking --innodb-buffer-pool-size=64M \
            --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=0 \
            >"$DIR/log/mariadb.log" 2>&1 </dev/null &
        wait_for 30 MariaDB mariadb-admin --no-defaults --socket="$MYSQL_UNIX_PORT" ping
        chmod 0755 "$DIR/run"
        say "MariaDB is up"
    fi
    mariadb --no-defaults --socket="$MYSQL_UNIX_PORT" -e "CREATE DATABASE IF NOT EXISTS recheck_acct; \
        CREATE USER IF NOT EXISTS 'slurm'@'localhost' IDENTIFIED BY 'test-only'; \
        GRANT ALL ON recheck_acct.* TO 'slurm'@'localhost';"
    install -m 0600 /dev/null "$DIR/slurmdbd.conf"
    cat >"$DIR/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$MUNGE_SOCKET
DbdHost=localhost
DbdPort=16819
SlurmUser=root
LogFile=$DIR/log/slurmdbd.log
PidFile=$DIR/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=test-only
StorageLoc=recheck_acct
CONF
    running "$DIR/run/slurmdbd.pid" || slurmdbd
    wait_for 30 slurmdbd sacctmgr -n -i list cluster
    if ! sacctmgr -n list cluster format=cluster%30 | grep -qw recheck_test; then
        sacctmgr -i add cluster recheck_test >/dev/null
        sacctmgr -i add account recheck_account cluster=recheck_test description=test organization=test >/dev/null
        sacctmgr -i add user root account=recheck_account defaultaccount=recheck_account >/dev/null
    fi
    say "slurmdbd is up"
fi

# --- SLURM
running "$DIR/run/slurmctld.pid" || slurmctld -f "$SLURM_CONF" -i
wait_for 20 slurmctld sh -c 'scontrol ping | grep -q UP'
for node in $NODES; do
    running "$DIR/run/slurmd.$node.pid" || slurmd -f "$SLURM_CONF" -N "$node"
done
for node in $NODES; do
    wait_for 20 "node $node" sh -c "sinfo -h -n $node -o %T | grep -qE '^(idle|mixed|allocated)$'"
done
say "ready (memory limits: $CGROUP, accounting: $ACCOUNTING): $(sinfo -h -o '%P %N %t' | tr '\n' ';')"
