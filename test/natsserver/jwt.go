package natsserver

// Users by JWT, as nsc makes them: an operator, whom the server trusts, has signed an account, which has signed a user.

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// StartWithJWT starts a server that takes users of one account only, which has JetStream. It returns a file with the
// credentials of one who may publish and subscribe to subjects, and nothing else.
func StartWithJWT(t testing.TB, o Options, subjects ...string) (s *Server, credentials string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	pair := func(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		key, err := create()
		must(err)
		public, err := key.PublicKey()
		must(err)
		return key, public
	}
	operatorKey, operator := pair(nkeys.CreateOperator)
	_, system := pair(nkeys.CreateAccount)
	accountKey, account := pair(nkeys.CreateAccount)
	userKey, user := pair(nkeys.CreateUser)

	resolver := &server.MemAccResolver{}
	for _, id := range []string{system, account} {
		claims := jwt.NewAccountClaims(id)
		if id == account {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{
				MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit,
			}
		}
		text, err := claims.Encode(operatorKey)
		must(err)
		must(resolver.Store(id, text))
	}
	claims := jwt.NewUserClaims(user)
	claims.Pub.Allow.Add(subjects...)
	claims.Sub.Allow.Add(subjects...)
	text, err := claims.Encode(accountKey)
	must(err)
	seed, err := userKey.Seed()
	must(err)
	file, err := jwt.FormatUserConfig(text, seed)
	must(err)
	credentials = filepath.Join(t.TempDir(), "user.creds")
	must(os.WriteFile(credentials, file, 0o600))

	s = Prepare(t, o)
	s.Opts.TrustedOperators = []*jwt.OperatorClaims{jwt.NewOperatorClaims(operator)}
	s.Opts.AccountResolver, s.Opts.SystemAccount = resolver, system
	s.Restart()
	return s, credentials
}
