package auth

import (
	"net/http"
	"strings"
	"testing"

	"github.com/brunossouza/websocket-escalonavel/socketio"
)

func raw(t testing.TB, text string) socketio.Raw {
	t.Helper()
	r, err := socketio.NewRaw([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFindToken(t *testing.T) {
	long := strings.Repeat("x", MaxTokenBytes+1)
	for name, test := range map[string]struct {
		auth, authorization, cookies, cookie string
		want                                 string
		tooLong                              bool
	}{
		"nothing": {},
		"auth":    {auth: `{"token":"a"}`, want: "a"},
		"auth first": {
			auth: `{"token":"a"}`, authorization: "Bearer b", cookies: "t=c", cookie: "t", want: "a",
		},
		"auth as a header":          {auth: `{"token":"Bearer a"}`, want: "a"},
		"auth of null":              {auth: `{"token":null}`, authorization: "Bearer b", want: "b"},
		"empty auth":                {auth: `{"token":""}`, authorization: "Bearer b", want: "b"},
		"auth of a number":          {auth: `{"token":7}`, authorization: "Bearer b", want: "?"},
		"auth of an object":         {auth: `{"token":{"token":"a"}}`, want: "?"},
		"auth that is a list":       {auth: `["token","a"]`},
		"auth that is a string":     {auth: `"a"`},
		"TOKEN":                     {auth: `{"TOKEN":"a"}`},
		"header first":              {authorization: "Bearer b", cookies: "t=c", cookie: "t", want: "b"},
		"a scheme in small letters": {authorization: "bearer  b ", want: "b"},
		"another scheme":            {authorization: "Basic b"},
		"a scheme alone":            {authorization: "Bearer "},
		"a cookie":                  {cookies: "s=x; t=c; t=d", cookie: "t", want: "c"},
		"another's cookie":          {cookies: "s=x; tt=c; T=d", cookie: "t"},
		"a cookie unasked":          {cookies: "t=c"},
		"a cookie inside one":       {cookies: `s="t=c"; x=t`, cookie: "t"},
		"a long auth":               {auth: `{"token":"` + long + `"}`, tooLong: true},
		"a long header":             {authorization: "Bearer " + long, tooLong: true},
		"a long cookie":             {cookies: "t=" + long, cookie: "t", tooLong: true},
	} {
		h := http.Header{}
		if test.authorization != "" {
			h.Set("Authorization", test.authorization)
		}
		if test.cookies != "" {
			h.Set("Cookie", test.cookies)
		}
		if test.auth == "" {
			test.auth = "{}"
		}
		got, err := findToken(raw(t, test.auth), func() http.Header { return h }, test.cookie)
		if got != test.want || (err != nil) != test.tooLong {
			t.Errorf("%s: %.20q, %v", name, got, err)
		}
	}
}

// FuzzToken: whatever a client sends, and whatever a token that is signed says, there is an answer, and it is bounded.
func FuzzToken(f *testing.F) {
	valid := hs256(f, nil)
	f.Add(`{"token":"`+valid+`"}`, "Bearer "+valid, "t="+valid, `{"sub":"ann","exp":9999999999,"r":["a"]}`)
	f.Add(`{"token":"a.b.c"}`, "Bearer ", "t=\"\"; t", `{"sub":-7,"exp":1e300,"nbf":"x","aud":{},"iss":[]}`)
	f.Add(`{"token":{}}`, "bearer\tx", ";;=", `{"sub":"\ud800","exp":null,"r":"user:bob"}`)
	f.Add(`[]`, "", "", `null`)
	v := verifier(f, Options{
		Secret: secret, RoomsClaim: "r", ReservedRooms: "user:", NoExpiry: true,
		Issuer: "issuer", Audience: []string{"chat"},
	})
	open := verifier(f, Options{Secret: secret, RoomsClaim: "r", ReservedRooms: "user:", NoExpiry: true})
	f.Fuzz(func(t *testing.T, auth, authorization, cookies, body string) {
		given, err := socketio.NewRaw([]byte(auth))
		if err != nil {
			given = raw(t, "{}")
		}
		h := http.Header{"Authorization": {authorization}, "Cookie": {cookies}}
		token, err := findToken(given, func() http.Header { return h }, "t")
		if len(token) > MaxTokenBytes || err != nil && codeOf(err) != Invalid {
			t.Fatalf("%d bytes, %v", len(token), err)
		}
		verify(t, v, token)

		c, err := open.Verify(t.Context(), signBody(t, body))
		if err != nil {
			return
		}
		if !isName(c.User) || len(c.Rooms) > maxRooms || string(c.JSON) == "" {
			t.Fatalf("%+v", c)
		}
		for _, room := range c.Rooms {
			if !isName(room) || strings.HasPrefix(room, "user:") {
				t.Fatalf("a room %q", room)
			}
		}
		open.end(c)
		seconds(c.Expires)
	})
}
