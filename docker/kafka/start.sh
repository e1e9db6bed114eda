#!/bin/bash
# Starts the broker by Kafka's own commands; the first time its folder is made ready, for a cluster with an id of its own.
set -euo pipefail
cd /opt/kafka/bin

if [ ! -e /var/lib/kafka/data/meta.properties ]; then
    ./kafka-storage.sh format --cluster-id "$(./kafka-storage.sh random-uuid)" --config /kafka/server.properties
fi
exec ./kafka-server-start.sh /kafka/server.properties \
    --override "advertised.listeners=INTERNAL://kafka:9092,OUTSIDE://127.0.0.1:$PUBLISHED_PORT"
