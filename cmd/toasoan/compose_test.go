package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"toasoan/internal/config"
)

func composed(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join("..", "..", "docker-compose.yml")}, cli.WithWorkingDirectory(filepath.Join("..", "..")),
		cli.WithProfiles([]string{"tools"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// TestComposeSettings holds every setting of our services against internal/config: none misspelt, all valid together.
func TestComposeSettings(t *testing.T) {
	t.Parallel()
	project := composed(t)
	for _, name := range []string{"migrate", "web", "worker", "consumers", "tools"} {
		service, err := project.GetService(name)
		if err != nil {
			t.Fatal(err)
		}
		env := map[string]string{}
		for key, value := range service.Environment {
			plain := strings.TrimSuffix(key, "_FILE")
			if !slices.Contains(config.Names(), plain) {
				t.Errorf("%s: %s is no setting of the product", name, key)
			}
			if key == plain {
				if config.IsSecret(plain) && value != nil && strings.Contains(*value, "@") {
					t.Errorf("%s: %s is a secret and must come from a file", name, key)
				}
				env[key] = *value
				continue
			}
			secret := strings.TrimPrefix(*value, "/run/secrets/")
			if !slices.ContainsFunc(service.Secrets, func(s types.ServiceSecretConfig) bool { return s.Source == secret }) {
				t.Errorf("%s: %s points to %s, which the service is not given", name, key, *value)
			}
			env[plain] = map[string]string{
				"keys": "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "database_url": "postgres://a@postgres/toasoan",
				"owner_url": "postgres://o@postgres/toasoan", "nats_url": "nats://nats:4222", "backup_passphrase": "twelve or more",
			}[secret]
		}
		var out bytes.Buffer
		c, err := terminal{out: &out, err: &out, getenv: func(key string) string { return env[key] }}.settings(name, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		needs := map[string][]string{
			"migrate": {"DATABASE_URL", "TEMPORAL_ADDRESS"}, "web": {"DATABASE_URL", "NATS_URL", "TEMPORAL_ADDRESS", "TOASOAN_SECRET"},
			"worker":    {"DATABASE_URL", "NATS_URL", "TEMPORAL_ADDRESS", "SMTP_URL", "TOASOAN_SECRET"},
			"consumers": {"DATABASE_URL", "NATS_URL", "TEMPORAL_ADDRESS", "TOASOAN_SECRET"},
			"tools":     {"DATABASE_URL", "NATS_URL", "TEMPORAL_ADDRESS", "TOASOAN_SECRET"},
		}[name]
		if err := c.Need(needs...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "tools" && (checkPassphrase(c) != nil || c.MigrateURL != env["MIGRATE_DATABASE_URL"]) {
			t.Error("tools: backup and restore want a passphrase and the owner's role")
		}
		if !slices.ContainsFunc(commands(), func(c command) bool { return c.name == service.Command[0] }) {
			t.Errorf("%s: runs %q, which is no command", name, service.Command)
		}
	}
}

// TestComposeStartsInOrder holds the start order, health checks and pinned versions.
func TestComposeStartsInOrder(t *testing.T) {
	t.Parallel()
	project := composed(t)
	for name, service := range project.Services {
		if !strings.HasPrefix(service.Image, "toasoan:") {
			if _, tag, ok := strings.Cut(service.Image, ":"); !ok || tag == "latest" || !strings.ContainsAny(tag, "0123456789") {
				t.Errorf("%s: image %q is not pinned", name, service.Image)
			}
		}
		for other, on := range service.DependsOn {
			dependency, err := project.GetService(other)
			if err != nil {
				t.Errorf("%s waits for %s: %v", name, other, err)
			}
			if on.Condition == types.ServiceConditionHealthy && dependency.HealthCheck == nil {
				t.Errorf("%s waits for %s to be healthy, which has no health check", name, other)
			}
		}
		for _, mount := range service.Volumes {
			if mount.Type != types.VolumeTypeBind || strings.Contains(mount.Source, "secrets") {
				continue
			}
			if _, err := os.Stat(mount.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
		}
	}
	for _, role := range []string{"web", "worker", "consumers"} {
		service, err := project.GetService(role)
		if err != nil {
			t.Fatal(err)
		}
		if service.DependsOn["migrate"].Condition != types.ServiceConditionCompletedSuccessfully {
			t.Errorf("%s does not wait for the migration", role)
		}
		if service.HealthCheck == nil || !service.ReadOnly {
			t.Errorf("%s: wants a health check and a read-only root", role)
		}
	}
}
