package standalone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// postgresSettings are for a machine of 2 cores and some GB that PostgreSQL shares with the rest of the newsroom.
// Whoever wants others puts them into local.conf beside this file.
const postgresSettings = `# Written at each start. Put your own settings into local.conf, which is read last.
listen_addresses = ''
port = %d
unix_socket_directories = '%s'
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
max_connections = 200

shared_buffers = 256MB
effective_cache_size = 2GB
work_mem = 8MB
maintenance_work_mem = 128MB
random_page_cost = 1.1
jit = off

wal_level = replica
max_wal_size = 2GB
wal_compression = on
checkpoint_timeout = 15min
synchronous_commit = on
fsync = %s
full_page_writes = %s

timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C.UTF-8'
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%%m [%%p] %%q%%u@%%d '
log_min_duration_statement = 5s
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
include_if_exists = 'local.conf'
`

// postgresAccess lets in: the superuser through the socket if the kernel says it is us, everybody else with a
// password. The server listens on no network address unless local.conf says so, and then the passwords hold there too.
const postgresAccess = `# Written at each start.
local  all  postgres       peer map=toasoan
local  all  all            scram-sha-256
host   all  postgres  all  reject
host   all  all       all  scram-sha-256
`

// configure writes the cluster's settings for this start. A throwaway cluster (tests) does not wait for the disk; it
// survives kill -9 all the same, but not a power cut.
func (c *cluster) configure(throwaway bool) error {
	durable := "on"
	if throwaway {
		durable = "off"
	}
	own, err := ownUserName()
	if err != nil {
		return err
	}
	users := fmt.Sprintf("toasoan %s postgres\n", quoteConf(own))
	if own != c.account.name {
		users += fmt.Sprintf("toasoan %s postgres\n", quoteConf(c.account.name))
	}
	files := map[string]string{
		"postgresql.conf": fmt.Sprintf(postgresSettings, postgresPort, strings.ReplaceAll(c.socket, "'", "''"), durable, durable),
		"pg_hba.conf":     postgresAccess,
		"pg_ident.conf":   "# Written at each start.\n" + users,
	}
	var failed error
	for name, content := range files {
		path := filepath.Join(c.folder, name)
		failed = errors.Join(failed, writeFile(path, []byte(content), 0o600), c.account.own(path))
	}
	if failed != nil {
		return fmt.Errorf("write database settings: %w", failed)
	}
	return nil
}

func quoteConf(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }

func ownUserName() (string, error) {
	if os.Geteuid() == 0 {
		return "root", nil
	}
	own, err := serverAccount()
	return own.name, err
}
