#!/bin/sh
# Makes the password file from the environment, and becomes the broker.
#   MQTT_PASSWORD  the password of Relight
#   MQTT_GATEWAYS  name:password of each gateway, separated by spaces or new lines
set -eu
: "${MQTT_PASSWORD:?the password of Relight is missing}"
umask 077
mkdir -p /mosquitto/run
file=/mosquitto/run/passwords
printf 'relight:%s\n' "$MQTT_PASSWORD" > "$file"
for account in ${MQTT_GATEWAYS:-}; do
  case "$account" in
    relight:*) echo "no gateway may be named relight" >&2; exit 2 ;;
    ?*:?*) printf '%s\n' "$account" >> "$file" ;;
    *) echo "MQTT_GATEWAYS holds something that is not name:password" >&2; exit 2 ;;
  esac
done
mosquitto_passwd -U "$file"
chown -R mosquitto:mosquitto /mosquitto/run /mosquitto/data
exec mosquitto -c /mosquitto/config/mosquitto.conf
