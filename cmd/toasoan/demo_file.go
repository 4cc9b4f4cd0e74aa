package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// demoFile is <data>/demo.json: where the demo newsroom is and who may sign in. It holds secrets that open nothing but this data
// folder, so only its owner can read it.
type demoFile struct {
	URL     string     `json:"url"`
	Mailbox string     `json:"mailbox"`
	Users   []demoUser `json:"users"`
}

// demoUser is one demo sign-in. PIN is for those who decide; Token is for the API.
type demoUser struct {
	Role     string `json:"role"`
	Email    string `json:"email"`
	Password string `json:"password"`
	PIN      string `json:"pin"`
	Token    string `json:"token"`
}

const demoName = "demo.json"

// readDemoFile reads what an earlier start wrote; the zero demoFile where there is none.
func readDemoFile(data string) (f demoFile, err error) {
	content, err := os.ReadFile(filepath.Join(data, demoName))
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("read demo sign-ins: %w", err)
	}
	if err := json.Unmarshal(content, &f); err != nil {
		return demoFile{}, fmt.Errorf("read demo sign-ins %s: %w", filepath.Join(data, demoName), err)
	}
	return f, nil
}

// writeDemoFile replaces demo.json whole: a reader sees the old one or the new one.
func writeDemoFile(data string, f demoFile) error {
	content, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("write demo sign-ins: %w", err)
	}
	temporary, err := os.CreateTemp(data, demoName+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write demo sign-ins: %w", err)
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // gone when it was renamed
	_, err = temporary.Write(append(content, '\n'))
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return fmt.Errorf("write demo sign-ins: %w", err)
	}
	if err := os.Rename(temporary.Name(), filepath.Join(data, demoName)); err != nil {
		return fmt.Errorf("write demo sign-ins: %w", err)
	}
	return nil
}

// as finds the sign-in of a role.
func (f demoFile) as(role string) (demoUser, bool) {
	for _, u := range f.Users {
		if u.Role == role {
			return u, true
		}
	}
	return demoUser{}, false
}
