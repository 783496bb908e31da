#!/bin/sh
# The unit passes `systemd-analyze verify` in a staged root that holds only what an installation
# would: verify.sh SOURCE_DIR VOLTCANARY_BINARY. A second run with a broken unit must fail, so that
# a verifier that looks at nothing is noticed.
set -eu
source=$1
binary=$2
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

mkdir -p "$stage/usr/bin" "$stage/usr/lib/systemd/system" "$stage/usr/lib/sysusers.d" \
         "$stage/etc/voltcanary" "$stage/var/lib"
# The targets and slices that the unit refers to come with systemd itself.
for unit in /lib/systemd/system/*.target /lib/systemd/system/*.slice /lib/systemd/system/*.mount \
            /lib/systemd/system/*.socket /lib/systemd/system/systemd-journald.service; do
    if [ -f "$unit" ]; then cp "$unit" "$stage/usr/lib/systemd/system/"; fi
done
install -m 0755 "$binary" "$stage/usr/bin/voltcanary"
install -m 0644 "$source/systemd/voltcanary.service" "$stage/usr/lib/systemd/system/"
install -m 0644 "$source/systemd/voltcanary.sysusers" "$stage/usr/lib/sysusers.d/voltcanary.conf"
install -m 0640 "$source/systemd/voltcanary.yaml" "$stage/etc/voltcanary/voltcanary.yaml"

verify() {
    # Only what is said of our unit counts: systemd's own may lack what was not staged.
    status=0
    systemd-analyze --root="$stage" --man=no --recursive-errors=no verify voltcanary.service \
        >"$stage/said" 2>&1 || status=$?
    if [ "$status" -ne 0 ] || grep -q voltcanary "$stage/said"; then
        cat "$stage/said"
        return 1
    fi
}

verify
"$stage/usr/bin/voltcanary" check --config "$stage/etc/voltcanary/voltcanary.yaml"

if [ "$(id -u)" -eq 0 ]; then
    systemd-sysusers --root="$stage" voltcanary.conf
    grep -q '^voltcanary:' "$stage/etc/passwd"
fi

# What the unit promises the configuration: the stop deadline fits into the unit's.
unit_stop=$(sed -n 's/^TimeoutStopSec=\([0-9]*\)s$/\1/p' "$source/systemd/voltcanary.service")
config_stop=$(sed -n 's/^# stop_deadline: \([0-9]*\)s$/\1/p' "$source/systemd/voltcanary.yaml")
test "$unit_stop" -gt "$config_stop"

rm "$stage/usr/bin/voltcanary"
if verify >/dev/null; then
    echo "verify accepts a unit whose program is missing"
    exit 1
fi
echo "the unit is sound"
