package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

// presence is one that a test gives. Its room "away" is in a Redis that does not answer, and so is the user.
type presence []string

func away(name string) error {
	if name != "away" {
		return nil
	}
	return fmt.Errorf("Redis is away: %w", &socketio.IncompleteError{Missing: -1})
}

func (p presence) Online(_ context.Context, users ...string) (online []bool, err error) {
	for _, u := range users {
		online = append(online, slices.Contains(p, u))
		err = away(u)
	}
	return online, err
}

func (p presence) Count(_ context.Context, room string) (int, error) { return len(p), away(room) }

func (p presence) Users(_ context.Context, room, cursor string, limit int) ([]string, string, error) {
	from, err := strconv.Atoi("0" + cursor)
	if err != nil || from > len(p) {
		return nil, "", fmt.Errorf("it is %q: %w", cursor, ErrCursor)
	}
	next := ""
	if from+limit < len(p) {
		next = strconv.Itoa(from + limit)
	}
	return p[from:min(from+limit, len(p))], next, away(room)
}

// withPresence gives presence of the main namespace.
func withPresence(users ...string) func(*Options) {
	return func(o *Options) {
		o.Presence = func(namespace string) Presence {
			if namespace != "/" {
				return nil
			}
			return presence(users)
		}
	}
}

func TestPresence(t *testing.T) {
	f := serve(t, withPresence("ana", "bob", "eva"))
	f.io.Of("/other")
	var list Users
	f.get(t, "/v1/presence/users?limit=2", http.StatusOK, &list)
	if strings.Join(list.Users, " ") != "ana bob" || list.Next != "2" {
		t.Errorf("got %+v", list)
	}
	list = Users{}
	f.get(t, "/v1/presence/users?limit=2&cursor=2&room=r", http.StatusOK, &list)
	if strings.Join(list.Users, " ") != "eva" || list.Next != "" {
		t.Errorf("got %+v", list)
	}
	f.get(t, "/v1/presence/users?cursor=x", http.StatusUnprocessableEntity, nil).says(t, "query.cursor")
	var n Count
	if f.get(t, "/v1/presence/count", http.StatusOK, &n); n.Count != 3 {
		t.Errorf("%d are online", n.Count)
	}
	for user, online := range map[string]bool{"ana": true, "zoe": false, "a%2Fb": false, "count": false} {
		var one UserPresence
		f.get(t, "/v1/presence/users/"+user, http.StatusOK, &one)
		if name, _ := url.PathUnescape(user); one.Online != online || one.User != name {
			t.Errorf("got %+v", one)
		}
	}
	// Nobody is said to be offline because Redis is away.
	f.get(t, "/v1/presence/users/away", http.StatusServiceUnavailable, nil).says(t, "/problems/incomplete")
	for _, target := range []string{"/v1/presence/users?room=away", "/v1/presence/count?room=away"} {
		f.get(t, target, http.StatusServiceUnavailable, nil).says(t, "/problems/incomplete")
		f.get(t, target+"&partial=true", http.StatusOK, nil).says(t, `"serversMissing":-1`)
	}
	for _, target := range []string{"/v1/presence/users", "/v1/presence/count", "/v1/presence/users/ana"} {
		f.get(t, target+"?namespace=/x", http.StatusNotFound, nil).says(t, "/problems/unknown-namespace")
		f.get(t, target+"?namespace=/other", http.StatusNotFound, nil).says(t, "/problems/presence-off")
		serve(t, nil).get(t, target, http.StatusNotFound, nil).says(t, "/problems/presence-off")
	}
}
