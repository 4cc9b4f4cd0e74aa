#!/bin/sh
# Runs once, in an empty PostgreSQL: the roles and databases of the newsroom. The app's role cannot change the schema or the audit.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres \
  -v owner="$(cat /run/secrets/owner_password)" -v app="$(cat /run/secrets/app_password)" -v temporal="$(cat /run/secrets/temporal_password)" <<'SQL'
CREATE ROLE toasoan_owner LOGIN PASSWORD :'owner';
CREATE ROLE toasoan_app LOGIN PASSWORD :'app';
CREATE ROLE temporal LOGIN PASSWORD :'temporal';
CREATE DATABASE toasoan OWNER toasoan_owner;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE toasoan, temporal, temporal_visibility FROM PUBLIC;
GRANT CONNECT ON DATABASE toasoan TO toasoan_app;
\connect toasoan
ALTER SCHEMA public OWNER TO toasoan_owner;
\connect temporal
ALTER SCHEMA public OWNER TO temporal;
\connect temporal_visibility
ALTER SCHEMA public OWNER TO temporal;
CREATE EXTENSION IF NOT EXISTS btree_gin;
SQL
