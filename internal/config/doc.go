// Package config reads the product's settings from flags and environment into one struct, checks all of them at once and
// says everything that is wrong in one go; it never prints a secret. Each setting is one row of the table in settings.go.
// Read settings.go first.
package config
