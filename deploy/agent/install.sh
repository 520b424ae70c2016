#!/bin/sh
# Installs the Muster agent on a systemd machine, or into the root folder of an image. It can be run
# again at any time: it brings the program and the unit up to what it is given, keeps the identity of
# the device, and keeps every setting that it is not given anew.
set -eu

usage() {
  cat <<'HELP'
Usage: install.sh --server URL [--provisioning-key KEY] [options]

  --server URL              where the Muster server is (kept from the last time if not given)
  --provisioning-key KEY    registers this device in the fleet of the key; it is held in a file that
                            only root can read, and emptied there once the device is registered
                            (better given as MUSTER_AGENT_PROVISIONING_KEY, which no `ps` shows)
  --name NAME               name to register with
  --device-type TYPE        device type to register with
  --ca FILE                 PEM of the CA to trust instead of the well-known ones
  --bundle FILE             the agent; default: muster-agent.js beside this script
  --unit FILE               the unit; default: muster-agent.service beside this script
  --root DIR                install into this root folder of an image and start nothing
  --help                    show this

Needs Node 20 or newer (`node` on the PATH) and systemd. Exit codes: 0 done, 1 failed, 2 usage.
HELP
}

fail() {
  echo "install.sh: $1" >&2
  exit "${2:-1}"
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
bundle=$here/muster-agent.js
unit=$here/muster-agent.service
root=
server=${MUSTER_AGENT_SERVER:-}
key=${MUSTER_AGENT_PROVISIONING_KEY:-}
name=${MUSTER_AGENT_NAME:-}
type=${MUSTER_AGENT_DEVICE_TYPE:-}
ca=${MUSTER_AGENT_CA:-}

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage && exit 0 ;;
    --server | --provisioning-key | --name | --device-type | --ca | --bundle | --unit | --root)
      [ $# -ge 2 ] || fail "$1 needs a value" 2
      case $1 in
        --server) server=$2 ;;
        --provisioning-key) key=$2 ;;
        --name) name=$2 ;;
        --device-type) type=$2 ;;
        --ca) ca=$2 ;;
        --bundle) bundle=$2 ;;
        --unit) unit=$2 ;;
        --root) root=${2%/} ;;
      esac
      shift 2
      ;;
    *) fail "\"$1\" is not an option; see --help" 2 ;;
  esac
done

settings=$root/etc/muster-agent/agent.env
program=$root/usr/lib/muster-agent/muster-agent.js

# What the file says now; empty if it does not.
setting() {
  [ -f "$settings" ] || return 0
  sed -n "s/^$1=//p" "$settings" | tail -n 1
}

case $server$key$name$type in
  *[\"\'\\]* | *'
'*) fail 'no setting may hold a quote, a backslash or a line break' 2 ;;
esac
[ -n "$server" ] || server=$(setting MUSTER_AGENT_SERVER)
[ -n "$name" ] || name=$(setting MUSTER_AGENT_NAME)
[ -n "$type" ] || type=$(setting MUSTER_AGENT_DEVICE_TYPE)
[ -n "$key" ] || key=$(setting MUSTER_AGENT_PROVISIONING_KEY)
[ -n "$server" ] || fail 'which server? Give --server URL' 2
if [ -z "$key" ] && [ ! -f "$root/var/lib/muster-agent/identity.json" ]; then
  fail 'this device is not registered yet: give --provisioning-key KEY' 2
fi
[ -f "$bundle" ] || fail "there is no bundle at $bundle; give --bundle FILE"
[ -f "$unit" ] || fail "there is no unit at $unit; give --unit FILE"
[ -z "$ca" ] || [ -f "$ca" ] || fail "there is no CA at $ca"

if [ -z "$root" ]; then
  [ "$(id -u)" -eq 0 ] || fail 'this needs root'
  command -v systemctl >/dev/null || fail 'this needs systemd; on others, start the bundle yourself'
  command -v node >/dev/null || fail 'this needs Node 20 or newer, and there is no node on the PATH'
  major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
  [ "$major" -ge 20 ] || fail "this needs Node 20 or newer, and node is $(node --version)"
fi

umask 022
mkdir -p "$root/usr/lib/muster-agent" "$root/usr/bin" "$root/etc/systemd/system"
cp "$bundle" "$program.new"
chmod 755 "$program.new"
mv "$program.new" "$program"
ln -sf ../lib/muster-agent/muster-agent.js "$root/usr/bin/muster-agent"
cp "$unit" "$root/etc/systemd/system/muster-agent.service"

umask 077
mkdir -p "$root/etc/muster-agent"
if [ -n "$ca" ]; then
  cp "$ca" "$root/etc/muster-agent/ca.pem"
fi
{
  echo '# Settings of the Muster agent. The provisioning key is emptied once the device is registered.'
  echo "MUSTER_AGENT_SERVER=$server"
  echo "MUSTER_AGENT_PROVISIONING_KEY=$key"
  [ -z "$name" ] || echo "MUSTER_AGENT_NAME=$name"
  [ -z "$type" ] || echo "MUSTER_AGENT_DEVICE_TYPE=$type"
  [ ! -f "$root/etc/muster-agent/ca.pem" ] || echo 'MUSTER_AGENT_CA=/etc/muster-agent/ca.pem'
} >"$settings.new"
mv "$settings.new" "$settings"

if [ -n "$root" ]; then
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
  ln -sf ../muster-agent.service "$root/etc/systemd/system/multi-user.target.wants/muster-agent.service"
  echo "Installed into $root; the agent starts with the image."
  exit 0
fi

systemctl daemon-reload
systemctl enable --quiet muster-agent.service
systemctl restart muster-agent.service
echo 'The agent runs. See what it and the server think: muster-agent status'
