#!/bin/sh
# Makes the roles that log in, each with the password of its secret. Run by the image on the first start; run again
# after a secret was changed, by:
#   docker compose exec postgres /docker-entrypoint-initdb.d/roles.sh
# The passwords are read by psql itself, so that they stand in no argument, and statements that hold them aren't logged.
set -eu

psql --quiet --no-psqlrc --no-password --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'END'
set log_min_error_statement = panic;
set log_statement = none;
set log_min_duration_statement = -1;
set password_encryption = 'scram-sha-256';

select format('create role %I login', wanted)
from unnest(array['pipeline_writer', 'pipeline_janitor', 'data_analyst']) as wanted
where not exists (select from pg_roles where rolname = wanted)
\gexec

\set superuser `cat /run/secrets/postgres`
\set writer `cat /run/secrets/pipeline_writer`
\set janitor `cat /run/secrets/pipeline_janitor`
\set analyst `cat /run/secrets/data_analyst`
alter role postgres password :'superuser';
alter role pipeline_writer password :'writer';
alter role pipeline_janitor password :'janitor';
alter role data_analyst password :'analyst';
END
