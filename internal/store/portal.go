package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// portalSettings is settings.value under the key "portal".
type portalSettings struct {
	Hotlines []newsroom.Hotline `json:"hotlines"`
	Notices  *string            `json:"notices"` // section id; nil: defaultNotices where it exists
}

// defaultNotices is the section whose articles stand as notices on the front page unless a setting says otherwise.
const defaultNotices = "thong-bao"

const sqlSite = `
	SELECT (SELECT version FROM portal_version),
	  (SELECT value FROM settings WHERE key = 'office'),
	  (SELECT value FROM settings WHERE key = 'portal')`

const sqlSections = `
	SELECT id, name_vi, name_en, position, retired FROM sections ORDER BY position, id`

// Site reads what the frame of every public page shows. An office without settings yet has empty names.
func (s *Store) Site(ctx context.Context) (newsroom.Site, error) {
	var site newsroom.Site
	var office, portal []byte
	if err := s.db.QueryRow(ctx, sqlSite).Scan(&site.Version, &office, &portal); err != nil {
		return site, fmt.Errorf("read site: %w", err)
	}
	var settings portalSettings
	for _, one := range []struct {
		raw []byte
		out any
	}{{office, &site.Office}, {portal, &settings}} {
		if one.raw == nil {
			continue
		}
		if err := json.Unmarshal(one.raw, one.out); err != nil {
			return site, fmt.Errorf("read site settings: %w", err)
		}
	}
	site.Hotlines = settings.Hotlines
	rows, _ := s.db.Query(ctx, sqlSections)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Section])
	if err != nil {
		return site, fmt.Errorf("list sections: %w", err)
	}
	notices := defaultNotices
	if settings.Notices != nil {
		notices = *settings.Notices
	}
	for _, one := range all {
		if one.Retired {
			continue
		}
		site.Sections = append(site.Sections, one)
		if one.ID == notices {
			site.Notices = one.ID
		}
	}
	return site, nil
}

const sqlPortalVersion = `SELECT version FROM portal_version`

// PortalVersion grows with every public change: what page caches look at while NATS is away.
func (s *Store) PortalVersion(ctx context.Context) (version int64, err error) {
	if err := s.db.QueryRow(ctx, sqlPortalVersion).Scan(&version); err != nil {
		return 0, fmt.Errorf("read portal version: %w", err)
	}
	return version, nil
}
