package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"toasoan/newsroom"
)

// settle makes the demo newsroom's unit, offices, calendar and subscribers, as far as they are missing.
func (d *demoLoader) settle(ctx context.Context) error {
	admin := d.people["admin"]
	if office, err := d.store.OfficeInfo(ctx); err != nil {
		return err
	} else if office.Unit == "" {
		if err := d.store.SaveOfficeInfo(ctx, admin, demoOffice); err != nil {
			return err
		}
	}
	var portal struct {
		Hotlines []newsroom.Hotline `json:"hotlines"`
	}
	if err := d.store.Setting(ctx, "portal", &portal); err != nil {
		return err
	}
	if len(portal.Hotlines) == 0 {
		portal.Hotlines = demoHotlines
		if err := d.store.SaveSetting(ctx, admin, "portal", portal); err != nil {
			return err
		}
	}
	if err := d.sections(ctx, admin); err != nil {
		return err
	}
	if err := d.offices(ctx, admin); err != nil {
		return err
	}
	if days, err := d.store.CalendarDays(ctx, 2026); err != nil {
		return err
	} else if len(days) == 0 {
		if _, err := d.store.SaveCalendarDays(ctx, admin, demoDays()); err != nil {
			return err
		}
	}
	return d.subscribers(ctx, admin)
}

// accounts makes the people. Their secrets are in demo.json before they are in the database, so that a start that was killed in
// between goes on with the same ones.
func (d *demoLoader) accounts(ctx context.Context) error {
	file, err := readDemoFile(d.data)
	if err != nil {
		return err
	}
	file.Users = filledUsers(file.Users)
	if err := writeDemoFile(d.data, file); err != nil {
		return err
	}
	for _, p := range demoPeople {
		account, err := d.store.AccountByEmail(ctx, p.in.Email)
		if errors.Is(err, newsroom.ErrNotFound) {
			account, _, err = d.store.CreateUser(ctx, newsroom.Person{}, p.in, false)
		}
		if err != nil {
			return err
		}
		d.people[p.role] = account.Person
	}
	// Passwords cost CPU on purpose: side by side.
	var keeping sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for i, p := range demoPeople {
		group.Go(func() error {
			token, err := d.secrets(ctx, p, file.Users[i])
			if err != nil {
				return err
			}
			keeping.Lock()
			defer keeping.Unlock()
			file.Users[i].Token = token
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	d.users = file.Users
	return writeDemoFile(d.data, file)
}

// secrets gives an account the secrets of u and returns its token: the one that u has, where it still works.
func (d *demoLoader) secrets(ctx context.Context, p demoPerson, u demoUser) (token string, err error) {
	id := d.people[p.role].ID
	if same, err := d.store.OwnPassword(ctx, id, u.Password); err != nil {
		return "", err
	} else if !same {
		if err := d.store.SetPassword(ctx, id, u.Password, ""); err != nil {
			return "", err
		}
	}
	if p.pin {
		if same, err := d.store.CheckPIN(ctx, id, u.PIN); err != nil {
			return "", err
		} else if !same {
			if err := d.store.SetPIN(ctx, id, u.PIN); err != nil {
				return "", err
			}
		}
	}
	if u.Token != "" {
		if _, _, err := d.store.Bearer(ctx, u.Token); err == nil {
			return u.Token, nil
		} else if !errors.Is(err, newsroom.ErrNotFound) {
			return "", err
		}
	}
	token, _, err = d.store.IssueToken(ctx, newsroom.Person{}, id, p.scopes, "demo", u.PIN, nil)
	return token, err
}

// filledUsers are the demo sign-ins in the order of demoPeople, with fresh secrets where some are missing.
func filledUsers(kept []demoUser) []demoUser {
	users := make([]demoUser, len(demoPeople))
	for i, p := range demoPeople {
		if k := slices.IndexFunc(kept, func(u demoUser) bool { return u.Role == p.role && u.Email == p.in.Email }); k >= 0 {
			users[i] = kept[k]
		}
		users[i].Role, users[i].Email = p.role, p.in.Email
		if users[i].Password == "" {
			users[i].Password = freshPassword()
		}
		if p.pin && users[i].PIN == "" {
			users[i].PIN = freshPIN()
		}
	}
	return users
}

// freshPassword is four random groups that a person can type: 80 bits.
func freshPassword() string {
	raw := strings.ToLower(rand.Text())
	return strings.Join([]string{raw[:4], raw[4:8], raw[8:12], raw[12:16]}, "-")
}

// freshPIN is six random digits that are no easy ones.
func freshPIN() string {
	for {
		n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
		if err != nil {
			continue // crypto/rand does not fail
		}
		if pin := fmt.Sprintf("%06d", n); newsroom.PINTrouble(pin) == "" {
			return pin
		}
	}
}

func (d *demoLoader) sections(ctx context.Context, admin newsroom.Person) error {
	there, err := d.store.Sections(ctx)
	if err != nil {
		return err
	}
	for i, section := range demoSections {
		if slices.ContainsFunc(there, func(one newsroom.Section) bool { return one.ID == section.ID }) {
			continue
		}
		section.Position = i + 1
		if _, err := d.store.SaveSection(ctx, admin, section); err != nil {
			return err
		}
	}
	return nil
}

// offices makes the offices with their holders, and the policies that ask them.
func (d *demoLoader) offices(ctx context.Context, admin newsroom.Person) error {
	there, err := d.store.Offices(ctx)
	if err != nil {
		return err
	}
	find := func(id string) (newsroom.Office, bool) {
		i := slices.IndexFunc(there, func(one newsroom.Office) bool { return one.ID == id })
		if i < 0 {
			return newsroom.Office{}, false
		}
		return there[i], true
	}
	for _, office := range demoOffices {
		if _, ok := find(office.ID); !ok {
			if _, err := d.store.SaveOffice(ctx, admin, office); err != nil {
				return err
			}
		}
	}
	for _, seat := range demoSeats {
		who := d.people[seat.role].ID
		office, _ := find(seat.office)
		if !slices.ContainsFunc(office.Holders, func(h newsroom.Holder) bool { return h.UserID == who }) {
			if err := d.store.Seat(ctx, admin, seat.office, who, seat.deputy); err != nil {
				return err
			}
		}
	}
	policies, err := d.store.Policies(ctx)
	if err != nil {
		return err
	}
	for section, policy := range demoPolicies() {
		if !slices.ContainsFunc(policies, func(p newsroom.PolicyVersion) bool { return p.Section == section }) {
			if _, err := d.store.SavePolicy(ctx, admin, section, policy); err != nil {
				return err
			}
		}
	}
	return nil
}

// subscribers imports the demo list; whoever is there already stays as they are.
func (d *demoLoader) subscribers(ctx context.Context, admin newsroom.Person) error {
	counts, err := d.store.SubscriberCounts(ctx)
	if err != nil || counts.Confirmed+counts.Left+counts.Erased >= demoSubscribers {
		return err
	}
	list, err := demoContent.ReadFile("democontent/subscribers.csv")
	if err != nil {
		return fmt.Errorf("read demo subscribers: %w", err)
	}
	in, err := d.store.PreviewImport(ctx, admin, "subscribers.csv", "Phiếu đăng ký tại Bộ phận Một cửa (dữ liệu mẫu)", nil, bytes.NewReader(list))
	if err != nil {
		return err
	}
	return d.store.RunImport(ctx, admin, in.ID)
}
