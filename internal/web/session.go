package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
)

// sessionStore is where sessions live, by the hash of their token.
type sessionStore interface {
	FindSession(ctx context.Context, tokenHash string) (data []byte, found bool, err error)
	SaveSession(ctx context.Context, tokenHash string, data []byte, userID, device string, expiry time.Time) error
	DeleteSession(ctx context.Context, tokenHash string) error
}

// What a session holds.
const (
	keyUser   = "user"   // account id, once signed in for good
	keyHalf   = "half"   // account id that still owes the second factor
	keyDevice = "device" // how the browser calls itself
	keyEnrol  = "enrol"  // sealed one-time-code secret that is being enrolled
	keySetup  = "setup"  // the one-time code of the first start was given
)

// sessionLife is how long a browser stays signed in at most; the store ends it sooner when it is idle.
const sessionLife = 7 * 24 * time.Hour

// newSessions is the session manager of the desk. Tokens are kept as their hashes; a session is written only when it
// changes, which is at signing in.
func newSessions(store sessionStore, secure bool) *scs.SessionManager {
	m := scs.New()
	m.Lifetime, m.HashTokenInStore, m.Codec = sessionLife, true, sessionCodec{}
	m.Store = sessionRows{store}
	m.Cookie.Name, m.Cookie.Secure = sessionCookie(secure), secure
	m.Cookie.HttpOnly, m.Cookie.SameSite, m.Cookie.Path = true, http.SameSiteLaxMode, "/"
	return m
}

// sessionCookie: the prefix makes browsers refuse one set by another host of the domain.
func sessionCookie(secure bool) string {
	if secure {
		return "__Host-toasoan"
	}
	return "toasoan"
}

// sessionCodec writes a session as JSON, so that the store's adapter can see whose it is.
type sessionCodec struct{}

type sessionData struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values"`
}

// Encode refuses values that are no strings: nothing else is put into a session.
func (sessionCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	data := sessionData{Deadline: deadline, Values: map[string]string{}}
	for key, value := range values {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("session value %s is a %T", key, value)
		}
		data.Values[key] = text
	}
	return json.Marshal(data)
}

func (sessionCodec) Decode(raw []byte) (time.Time, map[string]any, error) {
	var data sessionData
	if err := json.Unmarshal(raw, &data); err != nil {
		return time.Time{}, nil, fmt.Errorf("decode session: %w", err)
	}
	values := make(map[string]any, len(data.Values))
	for key, value := range data.Values {
		values[key] = value
	}
	return data.Deadline, values, nil
}

// sessionRows meets scs.CtxStore with the product's store.
type sessionRows struct{ store sessionStore }

var errNoContext = errors.New("sessions are read with a context")

func (sessionRows) Find(string) ([]byte, bool, error)      { return nil, false, errNoContext }
func (sessionRows) Commit(string, []byte, time.Time) error { return errNoContext }
func (sessionRows) Delete(string) error                    { return errNoContext }

func (s sessionRows) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	return s.store.FindSession(ctx, token)
}

func (s sessionRows) DeleteCtx(ctx context.Context, token string) error {
	return s.store.DeleteSession(ctx, token)
}

func (s sessionRows) CommitCtx(ctx context.Context, token string, raw []byte, expiry time.Time) error {
	_, values, err := sessionCodec{}.Decode(raw)
	if err != nil {
		return err
	}
	user, _ := values[keyUser].(string)
	device, _ := values[keyDevice].(string)
	return s.store.SaveSession(ctx, token, raw, user, device, expiry)
}

// sessionHash is the name under which the store knows the session of r, "" without one.
func (s *Server) sessionHash(r *http.Request) string {
	token := s.desk.sessions.Token(r.Context())
	if token == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(token)) // as scs does under HashTokenInStore
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// deviceName says in a few words what a browser calls itself: "Chrome · Windows".
func deviceName(agent string) string {
	first := func(pairs ...string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if strings.Contains(agent, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	browser := first("Edg/", "Edge", "OPR/", "Opera", "coc_coc_browser", "Cốc Cốc", "SamsungBrowser", "Samsung Internet",
		"Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari")
	system := first("Windows", "Windows", "iPhone", "iPhone", "iPad", "iPad", "Android", "Android", "Mac OS X", "macOS", "Linux", "Linux")
	switch {
	case browser == "" && system == "":
		return "?"
	case browser == "" || system == "":
		return browser + system
	}
	return browser + " · " + system
}
