package api

// The tokens that let a backend in: given, or the lines of a file that is read again when it has changed.

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// minTokenBytes is the shortest token that there may be: 128 bits, if somebody has rolled dice for them.
	minTokenBytes = 16
	// maxTokens and maxTokensFile bound what every request is compared with.
	maxTokens     = 100
	maxTokensFile = 64 << 10
	// tokensFileEvery is how often a change of the file is looked for, while there are requests.
	tokensFileEvery = time.Second
)

// Tokens are those of which a request must have one. A nil *Tokens lets everybody in.
type Tokens struct {
	given [][sha256.Size]byte
	file  string
	log   *slog.Logger

	mu     sync.Mutex
	inFile [][sha256.Size]byte
	info   os.FileInfo // of the file as it was read
	looked time.Time   // when a change was last looked for
}

// NewTokens returns the given tokens and those that are lines of a file, unless that is "". Empty lines and those that
// begin with # are none. The error says which of them is no token, by its place: a token has at least 16 bytes, all of
// them printable ASCII but for the space, and there are at most 100.
func NewTokens(given []string, file string, log *slog.Logger) (*Tokens, error) {
	t := &Tokens{file: file, log: log}
	var err error
	if t.given, err = hashTokens(given); err != nil {
		return nil, err
	}
	if file != "" {
		if err := t.read(); err != nil {
			return nil, err
		}
	}
	if len(t.given)+len(t.inFile) == 0 {
		return nil, errors.New("api: there is no token")
	}
	return t, nil
}

// hashTokens checks tokens. What is compared, and kept, is their hash: comparing takes equally long for all.
func hashTokens(tokens []string) (hashes [][sha256.Size]byte, err error) {
	for i, token := range tokens {
		if len(token) < minTokenBytes || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("api: token %d has less than %d bytes, or others than printable ASCII", i+1,
				minTokenBytes)
		}
		hashes = append(hashes, sha256.Sum256([]byte(token)))
	}
	if len(hashes) > maxTokens {
		return nil, fmt.Errorf("api: there are %d tokens, more than %d", len(hashes), maxTokens)
	}
	return hashes, nil
}

// read reads the file. t.mu is held, or t is not shared yet.
func (t *Tokens) read() error {
	f, err := os.Open(t.file)
	if err != nil {
		return fmt.Errorf("api: tokens: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("api: tokens: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxTokensFile+1))
	if err != nil {
		return fmt.Errorf("api: tokens: %w", err)
	}
	if len(text) > maxTokensFile {
		return fmt.Errorf("api: %s has more than %d bytes", t.file, maxTokensFile)
	}
	var lines []string
	for scanner := bufio.NewScanner(bytes.NewReader(text)); scanner.Scan(); {
		if line := strings.TrimSpace(scanner.Text()); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	hashes, err := hashTokens(lines)
	if err != nil {
		return fmt.Errorf("%w (%s)", err, t.file)
	}
	t.inFile, t.info = hashes, info
	return nil
}

// Valid reports whether token is one of them. It takes equally long whether and where that is so.
func (t *Tokens) Valid(token string) bool {
	if t == nil {
		return true
	}
	t.mu.Lock()
	t.refresh(time.Now())
	inFile := t.inFile
	t.mu.Unlock()
	hash := sha256.Sum256([]byte(token))
	found := 0
	for i := range t.given {
		found |= subtle.ConstantTimeCompare(hash[:], t.given[i][:])
	}
	for i := range inFile {
		found |= subtle.ConstantTimeCompare(hash[:], inFile[i][:])
	}
	return found == 1
}

// refresh reads the file again where it has changed. A file that cannot be read, or has a token that is none, changes
// nothing: half a list would lock somebody out. t.mu is held.
func (t *Tokens) refresh(now time.Time) {
	if t.file == "" || now.Sub(t.looked) < tokensFileEvery {
		return
	}
	t.looked = now
	info, err := os.Stat(t.file)
	if err == nil {
		if os.SameFile(info, t.info) && info.ModTime().Equal(t.info.ModTime()) && info.Size() == t.info.Size() {
			return
		}
		if err = t.read(); err == nil {
			t.log.Info("API tokens read again", "file", t.file, "tokens", len(t.inFile))
			return
		}
	}
	t.log.Warn("API_TOKENS_FILE cannot be read: the tokens that were in it hold on", "error", err)
}
