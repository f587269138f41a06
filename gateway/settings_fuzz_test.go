package gateway

import (
	"errors"
	"strings"
	"testing"
)

// FuzzSettings gives each setting values that make no sense. What is wrong is said in one line, and no secret with it.
func FuzzSettings(f *testing.F) {
	for i := range new(Config).allSettings() {
		for _, value := range []string{"", "0", "-1", "1e9", "99999999999999999999", "a,b", "25s", "\n", "10.0.0.0/8"} {
			f.Add(byte(i), value)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, value string) {
		settings := new(Config).allSettings()
		s := settings[int(which)%len(settings)]
		const secret = "S3CRET"
		if s.Secret {
			value = "redis://u:" + secret + "@" + value
		}
		if s.Set(value) {
			if shown := s.shown(value); s.Secret && strings.Contains(shown, secret) {
				t.Errorf("%s is shown as %q", s.Name, shown)
			}
			return
		}
		if value == "" {
			return // as good as not set
		}
		_, err := load(s.Name, value)
		var wrong *SettingError
		if !errors.As(err, &wrong) || wrong.Name != s.Name || strings.ContainsAny(err.Error(), "\r\n") ||
			s.Secret && strings.Contains(err.Error(), secret) {
			t.Errorf("%s=%q: %v", s.Name, value, err)
		}
	})
}
