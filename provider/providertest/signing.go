package providertest

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// schemes makes and verifies a signature with every scheme of every key, in all ways of calling. A key that takes messages may
// refuse digests.
func (s *suite) schemes() {
	for _, k := range s.config.Keys {
		key := s.must(k)
		all := k.schemes(key)
		if len(all) == 0 {
			s.Errorf("%s: no schemes", k.name())
		}
		for _, scheme := range all {
			what := k.name() + " with " + scheme.Name
			message := []byte("the message for " + what)
			whole, takesMessages := key.(sign.MessageKey)
			check := func(how string, signature []byte, err error) {
				s.Helper()
				if s.fine(what+": "+how, err) {
					s.fine(what+": "+how, k.verify(scheme, message, signature))
				}
			}
			signature, err := key.SignContext(s.Context(), input(scheme, message), scheme.Opts)
			if takesMessages && errors.Is(err, sign.ErrUnsupported) {
				s.refused(what+": SignContext", err, sign.ErrUnsupported)
				_, err = key.Sign(rand.Reader, input(scheme, message), scheme.Opts)
				s.refused(what+": Sign", err, sign.ErrUnsupported)
			} else {
				check("SignContext", signature, err)
				signature, err = key.Sign(rand.Reader, input(scheme, message), scheme.Opts)
				check("Sign", signature, err)
			}
			if takesMessages {
				signature, err = whole.SignMessageContext(s.Context(), message, scheme.Opts)
				check("SignMessageContext", signature, err)
				signature, err = whole.SignMessage(rand.Reader, message, scheme.Opts)
				check("SignMessage", signature, err)
			}
		}
	}
}

// sign signs a message, with a key that takes messages in turn by its digest, unless that is refused.
func (s *suite) sign(ctx context.Context, key sign.Key, scheme sign.Scheme, message []byte) ([]byte, error) {
	whole, ok := key.(sign.MessageKey)
	if ok && s.turn.Add(1)%2 == 0 {
		return whole.SignMessageContext(ctx, message, scheme.Opts)
	}
	signature, err := key.SignContext(ctx, input(scheme, message), scheme.Opts)
	if ok && errors.Is(err, sign.ErrUnsupported) {
		return whole.SignMessageContext(ctx, message, scheme.Opts)
	}
	return signature, err
}

// signOpen goes the way of users.
func (s *suite) signOpen() {
	for _, k := range s.config.Keys {
		if k.Certificate == nil {
			continue
		}
		for _, scheme := range k.schemes(s.must(k)) {
			what := k.name() + " with " + scheme.Name
			signer, err := sign.Open(s.Context(), s.provider, k.ref(), sign.WithScheme(scheme))
			if !s.fine(what+": sign.Open", err) {
				continue
			}
			if !signer.Certificate().Equal(k.Certificate) {
				s.Errorf("%s: sign.Open took another certificate", what)
			}
			message := []byte("the message for " + what)
			signature, err := signer.Sign(s.Context(), message)
			if s.fine(what, err) {
				s.fine(what+": Signer.Sign", k.verify(scheme, message, signature))
			}
		}
		_, err := sign.Open(s.Context(), s.provider, k.ref())
		s.fine(k.name()+": sign.Open without a scheme", err)
	}
}

// bulk checks keys that sign many digests at once.
func (s *suite) bulk() {
	found := false
	for _, k := range s.config.Keys {
		key, ok := s.must(k).(sign.BulkKey)
		if !ok {
			continue
		}
		found = true
		if key.BulkSize() < 1 {
			s.Errorf("%s: BulkSize is %d", k.name(), key.BulkSize())
			continue
		}
		for _, scheme := range k.schemes(key) {
			s.bulkOf(k, key, scheme, 1)
			s.bulkOf(k, key, scheme, key.BulkSize())
		}
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		scheme := k.schemes(key)[0]
		for _, o := range key.SignBulk(ctx, [][]byte{input(scheme, nil)}, scheme.Opts) {
			s.cancelled(k.name()+": SignBulk", o.Err)
		}
		for _, o := range key.SignBulk(s.Context(), [][]byte{input(scheme, nil)}, nil) {
			s.refused(k.name()+": SignBulk with nil options", o.Err, nil)
		}
	}
	if !found {
		s.Skip("no key is a sign.BulkKey")
	}
}

func (s *suite) bulkOf(k Key, key sign.BulkKey, scheme sign.Scheme, n int) {
	s.Helper()
	messages, digests := make([][]byte, n), make([][]byte, n)
	for i := range messages {
		messages[i] = fmt.Appendf(nil, "message %d", i)
		digests[i] = input(scheme, messages[i])
	}
	outcomes := key.SignBulk(s.Context(), digests, scheme.Opts)
	if len(outcomes) != n {
		s.Errorf("%s: SignBulk answered %d of %d digests", k.name(), len(outcomes), n)
		return
	}
	for i, o := range outcomes {
		what := fmt.Sprintf("%s with %s: digest %d of %d", k.name(), scheme.Name, i, n)
		if s.fine(what, o.Err) {
			s.fine(what, k.verify(scheme, messages[i], o.Signature))
		}
	}
}

// refusals checks what a key must refuse before it is touched, and that it works afterwards.
func (s *suite) refusals() {
	for _, k := range s.config.Keys {
		key := s.must(k)
		for _, scheme := range k.schemes(key) {
			what := k.name() + " with " + scheme.Name
			digest := input(scheme, []byte("message"))
			s.refuses(key, what+": nil options", digest, nil)
			if scheme.Whole {
				continue
			}
			s.refuses(key, what+": no digest", nil, scheme.Opts)
			s.refuses(key, what+": digest one octet short", digest[1:], scheme.Opts)
			s.refuses(key, what+": digest one octet long", append(digest[:len(digest):len(digest)], 0), scheme.Opts)
		}
		s.refuses(key, k.name()+": unknown hash", make([]byte, 32), crypto.Hash(250))
		s.refuses(key, k.name()+": MD5", make([]byte, crypto.MD5.Size()), crypto.MD5)
		if _, ok := k.public().(ed25519.PublicKey); ok {
			s.refuses(key, k.name()+": Ed25519 with a hash", make([]byte, 64), crypto.SHA512)
		} else if k.spki() == nil && k.public() != nil {
			s.refuses(key, k.name()+": the message instead of a digest", []byte("message"), crypto.Hash(0))
		}
		s.works(k, key)
	}
}

func (s *suite) refuses(key sign.Key, what string, digest []byte, opts crypto.SignerOpts) {
	s.Helper()
	if whole, ok := key.(sign.MessageKey); ok && (opts == nil || !digested(opts)) {
		signature, err := whole.SignMessageContext(s.Context(), digest, opts)
		s.refused(what+": SignMessageContext", err, nil)
		if signature != nil {
			s.Errorf("%s: a signature was made of a message", what)
		}
		_, err = whole.SignMessage(rand.Reader, digest, opts)
		s.refused(what+": SignMessage", err, nil)
	}
	signature, err := key.SignContext(s.Context(), digest, opts)
	s.refused(what+": SignContext", err, nil)
	if signature != nil {
		s.Errorf("%s: a signature was made", what)
	}
	_, err = key.Sign(rand.Reader, digest, opts)
	s.refused(what+": Sign", err, nil)
}

// digested reports whether options are such as schemes have, with which any octets are a message.
func digested(opts crypto.SignerOpts) bool {
	if _, ok := opts.(sign.HashAlgorithm); ok {
		return true
	}
	h := opts.HashFunc()
	return h == crypto.SHA256 || h == crypto.SHA384 || h == crypto.SHA512
}

// works makes one signature.
func (s *suite) works(k Key, key sign.Key) {
	s.Helper()
	for _, scheme := range k.schemes(key)[:1] {
		signature, err := s.sign(s.Context(), key, scheme, []byte("message"))
		if s.fine(k.name(), err) {
			s.fine(k.name(), k.verify(scheme, []byte("message"), signature))
		}
	}
}

func (s *suite) contextBefore() {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	for _, k := range s.config.Keys {
		key := s.must(k)
		_, err := s.provider.Key(ctx, k.ref())
		s.cancelled(k.name()+": Key", err)
		for _, scheme := range k.schemes(key)[:1] {
			_, err = s.sign(ctx, key, scheme, []byte("message"))
			s.cancelled(k.name()+": SignContext", err)
		}
		s.works(k, key)
	}
	if l, ok := sign.As[sign.Lister](s.provider); ok {
		var last error
		for _, err := range l.Keys(ctx) {
			last = err
		}
		s.cancelled("Keys", last)
	}
}

// contextDuring cancels many callers at work. Each of them has a signature or the error of the context, and the
// provider works afterwards.
func (s *suite) contextDuring() {
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	k := s.config.Keys[0]
	key := s.must(k)
	scheme := k.schemes(key)[0]
	var wait sync.WaitGroup
	first := make(chan struct{}, s.config.Workers)
	for range s.config.Workers {
		s.background(&wait, first, func() {
			for {
				late := ctx.Err() != nil
				_, err := s.sign(ctx, key, scheme, []byte("message"))
				select {
				case first <- struct{}{}:
				default:
				}
				if err != nil || late {
					s.cancelled("SignContext", err)
					return
				}
			}
		})
	}
	<-first
	cancel()
	wait.Wait()
	s.works(k, key)
}

func (s *suite) contextWaiting() {
	if s.config.Busy == nil {
		s.Skip("Config.Busy is not set")
	}
	k := s.config.Keys[0]
	key := s.must(k)
	scheme := k.schemes(key)[0]
	release := s.config.Busy(s.T, s.provider)
	released := sync.OnceFunc(release)
	defer released()
	// A key that does not look at its context would wait for ever.
	defer time.AfterFunc(patience, released).Stop()
	inner, cancel := context.WithCancel(s.Context())
	defer cancel()
	ctx := &watched{Context: inner, waiting: make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		err := errors.New("the provider panicked")
		defer func() { done <- err }()
		defer s.recovered(nil)
		_, err = s.sign(ctx, key, scheme, []byte("message"))
	}()
	select {
	case <-ctx.waiting:
		cancel()
		s.cancelled("SignContext that waits", <-done)
	case err := <-done:
		s.Errorf("SignContext did not wait for its context while the provider was busy; its error: %v", err)
	}
	released()
	s.works(k, key)
}

// patience is how long a call may wait that ought not to.
const patience = 20 * time.Second

// watched is a context that tells when somebody begins to wait for its end.
type watched struct {
	context.Context
	once    sync.Once
	waiting chan struct{}
}

func (w *watched) Done() <-chan struct{} {
	w.once.Do(func() { close(w.waiting) })
	return w.Context.Done()
}

// concurrency uses the provider and its keys from many goroutines.
func (s *suite) concurrency() {
	var wait sync.WaitGroup
	keys := make([]sign.Key, len(s.config.Keys))
	for i, k := range s.config.Keys {
		keys[i] = s.must(k)
	}
	for worker := range s.config.Workers {
		s.background(&wait, nil, func() {
			for i, k := range s.config.Keys {
				scheme := k.schemes(keys[i])[0]
				for round := range s.config.Rounds {
					message := fmt.Appendf(nil, "message %d of worker %d", round, worker)
					signature, err := s.sign(s.Context(), keys[i], scheme, message)
					if s.fine(k.name(), err) {
						s.fine(k.name(), k.verify(scheme, message, signature))
					}
				}
				_, err := s.provider.Key(s.Context(), k.ref())
				s.fine(k.name(), err)
			}
			if l, ok := sign.As[sign.Lister](s.provider); ok {
				for _, err := range l.Keys(s.Context()) {
					s.fine("Keys", err)
				}
			}
		})
	}
	wait.Wait()
}

// closeDuring closes the provider under callers at work: each has a good signature or an error that says so.
func (s *suite) closeDuring() {
	k := s.config.Keys[0]
	key := s.must(k)
	scheme := k.schemes(key)[0]
	var wait sync.WaitGroup
	first := make(chan struct{}, s.config.Workers)
	var closed atomic.Bool
	for range s.config.Workers {
		s.background(&wait, first, func() {
			for {
				late := closed.Load()
				signature, err := s.sign(s.Context(), key, scheme, []byte("message"))
				select {
				case first <- struct{}{}:
				default:
				}
				if err != nil || late {
					s.refused("SignContext while closing", err, sign.ErrUnavailable)
					return
				}
				s.fine("signature made while closing", k.verify(scheme, []byte("message"), signature))
			}
		})
	}
	<-first
	s.fine("Close", s.provider.Close())
	closed.Store(true)
	wait.Wait()
}

func (s *suite) close() {
	k := s.config.Keys[0]
	key := s.must(k)
	scheme := k.schemes(key)[0]
	s.fine("Close", s.provider.Close())
	s.fine("Close again", s.provider.Close())

	_, err := s.provider.Key(s.Context(), k.ref())
	s.gone("Key after Close", err)
	_, err = s.sign(s.Context(), key, scheme, []byte("message"))
	s.gone("SignContext after Close", err)
	_, err = key.Sign(rand.Reader, input(scheme, []byte("message")), scheme.Opts)
	if whole, ok := key.(sign.MessageKey); ok && errors.Is(err, sign.ErrUnsupported) {
		_, err = whole.SignMessage(rand.Reader, []byte("message"), scheme.Opts)
	}
	s.gone("Sign after Close", err)
	if p, ok := sign.As[sign.Pinger](s.provider); ok {
		s.gone("Ping after Close", p.Ping(s.Context()))
	}
	if _, ok := sign.As[sign.ChainSource](s.provider); ok {
		if _, err := sign.Chain(s.Context(), s.provider, key); err != nil {
			s.gone("Chain after Close", err)
		}
	}
	if l, ok := sign.As[sign.Lister](s.provider); ok {
		last := errors.New("the listing is empty")
		for _, err := range l.Keys(s.Context()) {
			last = err
		}
		s.gone("Keys after Close", last)
	}
}

// gone checks an error of a closed provider, which waiting does not mend.
func (s *suite) gone(what string, err error) {
	s.Helper()
	s.refused(what, err, sign.ErrUnavailable)
	if e, ok := errors.AsType[*sign.Error](err); ok && e.Temporary {
		s.Errorf("%s: the error is called temporary", what)
	}
}
