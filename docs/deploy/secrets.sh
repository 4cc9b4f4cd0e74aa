#!/bin/sh
# Makes the secrets that docker-compose.yml reads, in ./secrets, once. It never overwrites one that is there.
set -eu
umask 077
mkdir -p secrets
for name in postgres_password owner_password app_password temporal_password nats_password; do
  [ -e "secrets/$name" ] || openssl rand -hex 24 > "secrets/$name"
done
if [ ! -e secrets/backup_passphrase ]; then
  openssl rand -hex 16 > secrets/backup_passphrase
  echo "Backups open with this passphrase alone; write it down and keep it elsewhere: $(cat secrets/backup_passphrase)"
fi
[ -e secrets/keys ] || echo "1:$(openssl rand -base64 32)" > secrets/keys
echo "postgres://toasoan_app:$(cat secrets/app_password)@postgres:5432/toasoan?sslmode=disable" > secrets/database_url
echo "postgres://toasoan_owner:$(cat secrets/owner_password)@postgres:5432/toasoan?sslmode=disable" > secrets/owner_url
echo "nats://toasoan:$(cat secrets/nats_password)@nats:4222" > secrets/nats_url
# NATS is told the hash only. The password is read from its file, never from a command line.
if [ ! -e secrets/nats_auth.conf ]; then
  if command -v htpasswd > /dev/null; then bcrypt=htpasswd; else bcrypt="docker run --rm -i httpd:2.4.66-alpine htpasswd"; fi
  line=$($bcrypt -niBC 10 toasoan < secrets/nats_password)
  echo "authorization { user: toasoan, password: \"${line#toasoan:}\" }" > secrets/nats_auth.conf
fi
# The image runs as a user of its own and must be able to read what it is given.
chmod 644 secrets/*
