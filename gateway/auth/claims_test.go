package auth

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClaims(t *testing.T) {
	inR, reserved := Options{RoomsClaim: "r"}, Options{RoomsClaim: "r", ReservedRooms: "user:"}
	many := slices.Repeat([]string{"r"}, maxRooms+1)
	tests := map[string]struct {
		opts  Options
		more  map[string]any
		want  Code
		user  string
		rooms []string
	}{
		"by default":           {Options{}, nil, "", "ann", nil},
		"rooms unasked":        {Options{}, map[string]any{"rooms": []string{"a"}}, "", "ann", nil},
		"of another claim":     {Options{UserClaim: "email"}, map[string]any{"email": "a@b"}, "", "a@b", nil},
		"a number":             {Options{}, map[string]any{"sub": 42}, "", "42", nil},
		"a fraction":           {Options{}, map[string]any{"sub": 4.5}, Invalid, "", nil},
		"true":                 {Options{}, map[string]any{"sub": true}, Invalid, "", nil},
		"a list of rooms":      {inR, map[string]any{"r": []string{"a", "b"}}, "", "ann", []string{"a", "b"}},
		"one room":             {inR, map[string]any{"r": "a b"}, "", "ann", []string{"a b"}},
		"no rooms":             {inR, nil, "", "ann", nil},
		"null for rooms":       {inR, map[string]any{"r": json.RawMessage("null")}, "", "ann", nil},
		"numbers for rooms":    {inR, map[string]any{"r": []int{1}}, Invalid, "", nil},
		"too many rooms":       {inR, map[string]any{"r": many}, Invalid, "", nil},
		"a long room":          {inR, map[string]any{"r": strings.Repeat("r", 256)}, Invalid, "", nil},
		"a room without name":  {inR, map[string]any{"r": []string{""}}, Invalid, "", nil},
		"another user's room":  {reserved, map[string]any{"r": "user:bob"}, Invalid, "", nil},
		"without end":          {Options{NoExpiry: true}, map[string]any{"exp": nil}, "", "ann", nil},
		"an end that is never": {Options{}, map[string]any{"exp": 1e300}, "?", "", nil},
	}
	for name, test := range tests {
		test.opts.Secret = secret
		v := verifier(t, test.opts)
		c, err := v.Verify(t.Context(), hs256(t, test.more))
		switch {
		case test.want == "?": // whatever it is taken for, it does not panic
		case err != nil:
			if codeOf(err) != test.want {
				t.Errorf("%s: %v", name, err)
			}
		case test.want != "" || c.User != test.user || !slices.Equal(c.Rooms, test.rooms):
			t.Errorf("%s: %+v", name, c)
		case !json.Valid(c.JSON) || !strings.Contains(string(c.JSON), `"iss":"issuer"`):
			t.Errorf("%s: %s", name, c.JSON)
		case c.Expires.IsZero() != test.opts.NoExpiry || !c.Expires.IsZero() && time.Until(c.Expires) > time.Hour:
			t.Errorf("%s: expires %v", name, c.Expires)
		}
	}
}
