#!/bin/sh
# The shipped alerting rules are sound, and fire when they should: verify.sh SOURCE_DIR. Both checks
# are also made to fail once, so that a checker that looks at nothing is noticed.
set -eu
source=$1
alerts=$source/rules/prometheus/alerts.yaml
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

promtool check rules "$alerts"
cp "$alerts" "$stage/alerts.yaml"
cp "$source/tests/prometheus/alerts_test.yaml" "$stage/"
promtool test rules "$stage/alerts_test.yaml"

sed 's/voltcanary_blind == 1/voltcanary_blind == == 1/' "$alerts" >"$stage/broken.yaml"
if promtool check rules "$stage/broken.yaml" >/dev/null 2>&1; then
    echo "promtool accepts a rule that is none"
    exit 1
fi
sed -i 's/voltcanary_blind == 1/voltcanary_blind == 2/' "$stage/alerts.yaml"
if promtool test rules "$stage/alerts_test.yaml" >/dev/null 2>&1; then
    echo "promtool does not miss an alert that stays silent"
    exit 1
fi
echo "the alerting rules are sound"
