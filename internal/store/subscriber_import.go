package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// importBatch is how many lines are taken in one transaction.
const importBatch = 1000

// importStale is when a running import without a sign of life may be taken up by somebody else.
const importStale = 30 * time.Second

const sqlInsertImport = `
	INSERT INTO subscriber_imports (id, by_id, name, source, fallback, total, report, created_at, beat_at)
	VALUES (@id, @by, @name, @source, @fallback, @total, @report, @at, @at)`

// PreviewImport reads an uploaded list and says what importing it would do, line by line where something is wrong; nothing is
// imported yet. fallback are the sections of lines that name none. newsroom.ErrImportHeader when it is no such list,
// *newsroom.InvalidError without a source of consent, or with a fallback that is no section that takes articles.
func (s *Store) PreviewImport(ctx context.Context, by newsroom.Person, name, source string, fallback []string, body io.Reader) (newsroom.Import, error) {
	in := newsroom.Import{
		ID: newsroom.NewID(), By: by.ID, Name: firstRunes(text.Line(name), 200), Source: firstRunes(text.Line(source), 200), State: "preview",
	}
	if in.Source == "" {
		return in, &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "source", Code: "required"}}}
	}
	if err := s.allSections(ctx, fallback); err != nil {
		return in, err
	}
	report := newsroom.ImportReport{}
	parts := &partWriter{ctx: ctx, s: s, id: in.ID}
	body = io.TeeReader(body, parts)
	err := s.eachBatch(ctx, body, fallback, 0, func(batch []importLine, seen int) error {
		in.Total = seen
		return s.classify(ctx, s.db, batch, &report)
	})
	if err == nil {
		err = parts.flush()
	}
	if err != nil {
		return in, fmt.Errorf("preview import: %w", err)
	}
	report.Rows = in.Total
	report.Sort()
	in.Report = report
	now := s.now().UTC()
	in.CreatedAt, in.BeatAt = now, now
	if _, err := s.db.Exec(ctx, sqlInsertImport, args{
		"id": in.ID, "by": by.ID, "name": in.Name, "source": in.Source, "fallback": orEmpty(fallback), "total": in.Total,
		"report": toJSON(report), "at": now,
	}); err != nil {
		return in, fmt.Errorf("keep import: %w", err)
	}
	return in, nil
}

// allSections refuses ids that are no section that takes articles.
func (s *Store) allSections(ctx context.Context, ids []string) error {
	open, err := s.openSections(ctx, ids)
	if err != nil {
		return err
	}
	var wrong []newsroom.FieldError
	for _, id := range ids {
		if !slices.Contains(open, id) {
			wrong = append(wrong, newsroom.FieldError{Field: "sections", Code: "unknown", Params: map[string]string{"name": firstRunes(id, 100)}})
		}
	}
	if len(wrong) > 0 {
		return &newsroom.InvalidError{Fields: wrong}
	}
	return nil
}

// importLine is a line on its way in.
type importLine struct {
	newsroom.ImportRow
	key   string // lower-cased address; "" wrong
	wrong string
}

// sections are the ids of what a line subscribes to, separated by spaces.
func (l importLine) sections() string {
	ids := make([]string, len(l.Lists))
	for i, one := range l.Lists {
		ids[i] = one.Section
	}
	return strings.Join(ids, " ")
}

const sqlImport = `SELECT id, by_id, name, source, state, total, done, report, created_at, beat_at FROM subscriber_imports WHERE id = @id`

// Import returns an import with how far it is, or newsroom.ErrNotFound.
func (s *Store) Import(ctx context.Context, id string) (in newsroom.Import, err error) {
	var report []byte
	err = s.db.QueryRow(ctx, sqlImport, args{"id": id}).
		Scan(&in.ID, &in.By, &in.Name, &in.Source, &in.State, &in.Total, &in.Done, &report, &in.CreatedAt, &in.BeatAt)
	if err != nil {
		return in, fmt.Errorf("import %s: %w", id, notFound(err))
	}
	if err := json.Unmarshal(report, &in.Report); err != nil {
		return in, fmt.Errorf("decode report of import %s: %w", id, err)
	}
	in.Report.Sort()
	return in, nil
}

const (
	sqlTakeImport = `
	UPDATE subscriber_imports SET state = 'running', beat_at = @at,
	  report = CASE state WHEN 'preview' THEN '{}' ELSE report END
	WHERE id = @id AND (state = 'preview' OR (state = 'running' AND beat_at < @stale)) RETURNING fallback, done, report, source, total`
	sqlBeatImport = `UPDATE subscriber_imports SET done = @done, report = @report, beat_at = @at WHERE id = @id AND done = @was`
	sqlDoneImport = `UPDATE subscriber_imports SET state = 'done', beat_at = @at WHERE id = @id`
)

// RunImport imports a previewed list in batches, each in its own transaction with the count of how far it is, so that it can be
// taken up again where it stopped. newsroom.ErrConflict when it runs elsewhere or is done.
func (s *Store) RunImport(ctx context.Context, by newsroom.Person, id string) error {
	now := s.now().UTC()
	var raw []byte
	var fallback []string
	var done, total int
	var source string
	err := s.db.QueryRow(ctx, sqlTakeImport, args{"id": id, "at": now, "stale": now.Add(-importStale)}).Scan(&fallback, &done, &raw, &source, &total)
	if errors.Is(err, pgx.ErrNoRows) {
		return newsroom.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("take import %s: %w", id, err)
	}
	var report newsroom.ImportReport
	if err := json.Unmarshal(raw, &report); err != nil {
		return fmt.Errorf("decode report of import %s: %w", id, err)
	}
	report.Rows = total
	err = s.eachBatch(ctx, &partReader{ctx: ctx, s: s, id: id}, fallback, done, func(batch []importLine, seen int) error {
		var next newsroom.ImportReport
		err := s.tx(ctx, func(tx pgx.Tx) error {
			lines := slices.Clone(batch) // classify writes into it, and a deadlock repeats this
			next = report
			next.Errors = slices.Clip(report.Errors)
			if err := s.classify(ctx, tx, lines, &next); err != nil {
				return err
			}
			if err := s.take(ctx, tx, lines, source); err != nil {
				return err
			}
			tag, err := tx.Exec(ctx, sqlBeatImport, args{"id": id, "done": seen, "was": done, "report": toJSON(next), "at": s.now().UTC()})
			if err == nil && tag.RowsAffected() == 0 {
				return newsroom.ErrConflict // somebody else took it up
			}
			return err
		})
		if err == nil {
			report, done = next, seen
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("import %s: %w", id, err)
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlDoneImport, args{"id": id, "at": s.now().UTC()}); err != nil {
			return fmt.Errorf("close import %s: %w", id, err)
		}
		if _, err := tx.Exec(ctx, sqlDropParts, args{"id": id}); err != nil {
			return fmt.Errorf("close import %s: %w", id, err)
		}
		return s.adminAct(ctx, tx, by, "subscriber.import", map[string]any{
			"import_id": id, "rows": report.Rows, "added": report.Added, "merged": report.Merged, "skipped": report.Skipped, "failed": report.Failed,
		})
	})
}

// eachBatch reads a list and hands over batches of lines behind the first skip ones; seen counts the lines up to the batch's end.
func (s *Store) eachBatch(ctx context.Context, list io.Reader, fallback []string, skip int, each func(batch []importLine, seen int) error) error {
	all, err := s.Sections(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, c := range all {
		if !c.Retired {
			names[c.ID], names[strings.ToLower(c.NameVI)] = c.ID, c.ID
		}
	}
	var batch []importLine
	seen, known, seed := 0, map[uint64]struct{}{}, maphash.MakeSeed() // 64 bits of an address: a million take some 20 MB
	rules := newsroom.ImportRules{Sections: names, Fallback: fallback, Now: s.now()}
	err = newsroom.ReadImport(list, rules, func(row newsroom.ImportRow, wrong string) error {
		l := importLine{ImportRow: row, wrong: wrong}
		l.Name = firstRunes(text.Line(row.Name), 100)
		if wrong == "" {
			if address, err := text.Email(row.Email); err != nil {
				l.wrong = "email"
			} else {
				l.Email, l.key = address, strings.ToLower(address)
				sum := maphash.String(seed, l.key)
				if _, twice := known[sum]; twice {
					l.wrong = "twice"
				}
				known[sum] = struct{}{}
			}
		}
		if seen++; seen <= skip { // read all the same: a later line may repeat it
			return nil
		}
		if batch = append(batch, l); len(batch) < importBatch {
			return nil
		}
		err := each(batch, seen)
		batch = batch[:0]
		return err
	})
	if err != nil {
		return err
	}
	if len(batch) > 0 {
		return each(batch, seen)
	}
	return nil
}

// What stands in the way of each address, by its place in the batch: suppression, else state of the subscriber; the sections that the
// list is too old for, since their reader has left them or chosen others after that consent (without a day: whenever that was); and
// whether all others are there already. Whoever left has left also where anybody has asked in their name since.
const sqlClassify = `
	SELECT i.nr::int, coalesce(b.why, ''), CASE WHEN s.state = 'requested' AND s.left_at IS NOT NULL THEN 'left' ELSE coalesce(s.state, '') END,
	  coalesce(w.gone, '{}'), s.id IS NOT NULL AND w.missing = 0
	FROM unnest(@keys::text[], @macs::bytea[], @sections::text[], @consents::timestamptz[]) WITH ORDINALITY AS i (key, mac, sections, consent, nr)
	LEFT JOIN subscribers s ON s.email_key = i.key AND s.email_key <> ''
	LEFT JOIN LATERAL (SELECT why FROM suppressions WHERE email_mac = i.mac ORDER BY scope LIMIT 1) b ON true
	LEFT JOIN LATERAL (SELECT array_agg(w.id) FILTER (WHERE g.gone) AS gone, count(*) FILTER (WHERE NOT g.gone) AS missing
	  FROM unnest(string_to_array(i.sections, ' ')) AS w (id), LATERAL (SELECT EXISTS (SELECT FROM consents c
	    WHERE c.subscriber_id = s.id AND c.at >= coalesce(i.consent, '-infinity') AND ((c.act = 'left' AND c.detail->'sections' ? w.id)
	      OR (c.act = 'changed' AND NOT c.detail->'sections' ? w.id))) AS gone) g
	  WHERE NOT EXISTS (SELECT FROM subscriptions l WHERE l.subscriber_id = s.id AND l.section_id = w.id)) w ON s.id IS NOT NULL`

// classify counts what becomes of each line and empties the key of those that are not taken.
func (s *Store) classify(ctx context.Context, q querier, batch []importLine, r *newsroom.ImportReport) error {
	var keys, sections []string
	var macs [][]byte
	var consents []*time.Time
	var at []int
	for i := range batch {
		l := &batch[i]
		if l.wrong != "" {
			l.key = ""
			r.Failed++
			r.Note(l.Line, l.wrong)
			continue
		}
		keys, macs, sections, at = append(keys, l.key), append(macs, s.emailMAC(l.key)), append(sections, l.sections()), append(at, i)
		consents = append(consents, l.ConsentAt)
	}
	rows, _ := q.Query(ctx, sqlClassify, args{"keys": orEmpty(keys), "macs": macs, "sections": orEmpty(sections), "consents": consents})
	var nr int
	var why, state string
	var gone []string
	var all bool
	_, err := pgx.ForEachRow(rows, []any{&nr, &why, &state, &gone, &all}, func() error {
		l := &batch[at[nr-1]]
		switch {
		case why != "":
			r.Skipped++
			r.Note(l.Line, "suppressed_"+why)
			l.key = ""
		case state == string(newsroom.SubscriberLeft):
			r.Skipped++
			r.Note(l.Line, "left")
			l.key = ""
		case all && len(gone) > 0:
			r.Skipped++
			r.Note(l.Line, "left_section")
			l.key = ""
		case state == "":
			r.Added++
		case all && state == string(newsroom.SubscriberConfirmed):
			r.Same++
			l.key = ""
		default:
			r.Merged++
			l.Lists = slices.DeleteFunc(slices.Clone(l.Lists), func(one newsroom.Subscription) bool { return slices.Contains(gone, one.Section) })
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look up addresses: %w", err)
	}
	return nil
}

const (
	sqlTakeSubs = `
	INSERT INTO subscribers (id, email, email_key, email_mac, name, locale, state, source, requested_at, confirmed_at, key_version, confirm_hash, prefs_hash)
	SELECT id, email, key, mac, name, 'vi', 'confirmed', 'import', consent, consent, @version, confirm, prefs
	FROM unnest(@ids::text[], @emails::text[], @keys::text[], @macs::bytea[], @names::text[], @consents::timestamptz[], @confirms::bytea[], @prefs::bytea[])
	  AS i (id, email, key, mac, name, consent, confirm, prefs)
	ON CONFLICT (email_key) WHERE email_key <> '' DO UPDATE SET state = 'confirmed', confirmed_at = coalesce(subscribers.confirmed_at, excluded.confirmed_at),
	  left_at = NULL, name = CASE WHEN subscribers.name = '' THEN excluded.name ELSE subscribers.name END
	  WHERE subscribers.state = 'confirmed' OR (subscribers.state = 'requested' AND subscribers.left_at IS NULL)`
	sqlTakeLists = `
	INSERT INTO subscriptions (subscriber_id, section_id, cadence, since, changed_at)
	SELECT s.id, i.section, i.cadence, i.since, i.since
	FROM unnest(@keys::text[], @sections::text[], @cadences::text[], @sinces::timestamptz[]) AS i (key, section, cadence, since)
	JOIN subscribers s ON s.email_key = i.key AND s.email_key <> '' AND s.state = 'confirmed'
	ON CONFLICT DO NOTHING`
	sqlTakeConsents = `
	INSERT INTO consents (subscriber_id, act, at, source, detail)
	SELECT s.id, 'imported', @at, @source, jsonb_build_object('line', i.line, 'consent_at', i.consent)
	FROM unnest(@keys::text[], @lines::int[], @consents::timestamptz[]) AS i (key, line, consent)
	JOIN subscribers s ON s.email_key = i.key AND s.email_key <> '' AND s.state = 'confirmed'`
)

// take writes the lines of a batch that are to be taken.
func (s *Store) take(ctx context.Context, tx pgx.Tx, batch []importLine, source string) error {
	now, version := s.now().UTC(), s.keys.Version()
	var ids, emails, keys, names, listKeys, sections, cadences []string
	var macs, confirms, prefs [][]byte
	var consents, sinces []time.Time
	var lines []int
	for _, l := range batch {
		if l.key == "" {
			continue
		}
		id, consent := newsroom.NewID(), now
		if l.ConsentAt != nil {
			consent = l.ConsentAt.UTC()
		}
		ids, emails, keys, names = append(ids, id), append(emails, l.Email), append(keys, l.key), append(names, l.Name)
		macs, consents, lines = append(macs, s.emailMAC(l.key)), append(consents, consent), append(lines, l.Line)
		confirms = append(confirms, s.tokenHash(PurposeConfirm, id, version))
		prefs = append(prefs, s.tokenHash(PurposePrefs, id, version))
		for _, one := range l.Lists {
			listKeys, sections, cadences = append(listKeys, l.key), append(sections, one.Section), append(cadences, string(one.Cadence))
			sinces = append(sinces, consent)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, sqlTakeSubs, args{
		"ids": ids, "emails": emails, "keys": keys, "macs": macs, "names": names, "consents": consents, "confirms": confirms,
		"prefs": prefs, "version": version,
	}); err != nil {
		return fmt.Errorf("write subscribers: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlTakeLists, args{"keys": listKeys, "sections": sections, "cadences": cadences, "sinces": sinces}); err != nil {
		return fmt.Errorf("write lists: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlTakeConsents, args{"keys": keys, "lines": lines, "consents": consents, "at": now, "source": source}); err != nil {
		return fmt.Errorf("write consents: %w", err)
	}
	return nil
}
