#!/usr/bin/env bash
# with_slurm.sh FOLDER COMMAND...: runs a command beside a SLURM of its own: one controller and two nodes, n1 and n2, as
# processes of this machine, in network, process and mount namespaces that end with the command. As root, with Debian's
# slurm-wlm and munge. Jobs of partition `high` preempt those of `low`, which are requeued.
set -euo pipefail

if [ -z "${IN_NAMESPACE:-}" ]; then
  # A new process namespace: whatever the command leaves behind is killed with it.
  IN_NAMESPACE=1 exec unshare --net --pid --mount --fork --mount-proc --kill-child "$0" "$@"
fi

folder=$1
shift
address=10.77.0.1
host=$(hostname -s)
ip link set lo up
ip addr add $address/32 dev lo  # SLURM passes over 127.x when it looks names up
mkdir -p "$folder"/{state,log,run,spool.n1,spool.n2}
printf '127.0.0.1 localhost\n%s %s n1 n2\n' $address "$host" >"$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts

mkdir -p -m 700 "$folder/munge"
head -c 128 /dev/urandom >"$folder/munge/key"
chmod 600 "$folder/munge/key"
/usr/sbin/munged --force --socket="$folder/run/munge.sock" --key-file="$folder/munge/key" \
  --pid-file="$folder/run/munged.pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"

cat >"$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host($address)
SlurmctldPort=17900
SlurmUser=root
SlurmdUser=root
AuthInfo=socket=$folder/run/munge.sock
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/run/controller.pid
SlurmdPidFile=$folder/run/%n.pid
SlurmctldLogFile=$folder/log/controller
SlurmdLogFile=$folder/log/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
JobRequeue=1
KillWait=5
ReturnToService=2
NodeName=n1 NodeHostname=$host NodeAddr=$address Port=17901 CPUs=2 RealMemory=8000 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=$address Port=17902 CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=low Nodes=n1,n2 Default=YES PriorityTier=1 GraceTime=20
PartitionName=high Nodes=n1,n2 PriorityTier=10 PreemptMode=OFF
CONF
echo "CgroupPlugin=cgroup/v1" >"$folder/cgroup.conf"
export SLURM_CONF=$folder/slurm.conf
/usr/sbin/slurmctld -c
for node in n1 n2; do /usr/sbin/slurmd -N $node; done
for _ in $(seq 100); do
  [ "$(sinfo --noheader --Node --states=idle --format=%N --partition=low | wc -l)" = 2 ] && break
  sleep 0.2
done
"$@"
