#!/bin/sh
# Puts the analyst's password where pgAdmin looks for its user's files, at every start, so that a changed secret takes
# effect; then starts pgAdmin as its image does.
set -eu
umask 077

storage="/var/lib/pgadmin/storage/$(printf %s "$PGADMIN_DEFAULT_EMAIL" | tr @ _)"
mkdir -p "$storage"
# A passfile's own signs are escaped by a backslash.
printf 'postgres:5432:*:data_analyst:%s\n' "$(sed 's/[\\:]/\\&/g' /run/secrets/data_analyst)" > "$storage/.pgpass"
# The image writes its settings into this file where it is empty.
: > "$PGADMIN_CUSTOM_CONFIG_DISTRO_FILE"
exec /entrypoint.sh
