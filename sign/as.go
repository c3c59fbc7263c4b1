package sign

import (
	"context"
	"crypto/x509"
)

// maxWrapped bounds how many wrappers are looked through.
const maxWrapped = 64

// As finds an optional interface of a key or a provider: its own, or that of what it wraps.
//
// A wrapper is a key or a provider that does something before or after another one does the work: it counts, traces, or keeps to a
// quota. The optional interfaces of what it wraps are not its own, and a wrapper that embeds a [Key] has none of them. So it has a
// method more, by which [As] finds them:
//
//	func (k *tracedKey) Unwrap() sign.Key           // of a key
//	func (p *tracedProvider) Unwrap() sign.Provider // of a provider
//
// # What is found behind a wrapper, and what is not
//
// What only tells something is found: [Limiter], [Queuer], [Schemer], [SchemeExplainer], [BulkWaiter] and [SPKIKey] of a key,
// [Limiter], [Pinger], [Lister] and [ChainSource] of a provider. What is asked there makes no signature.
//
// What signs is not: [MessageKey] and [BulkKey]. Whoever calls the one behind a wrapper goes past the wrapper: its call is not counted,
// not traced, and not under the quota. A wrapper that has more than one way to sign below it has the same methods itself and hands
// each on. Nor is [TrustedKey]: that the signatures of a key need no check says nothing of what a wrapper gives back. A wrapper that
// hands signatures on as they are may say so itself.
//
// Any other interface is looked for on the outside only. A provider that hides keys from its callers has no Unwrap, or lists and
// pings itself.
//
// A wrapper that embeds a type with all its methods, and not an interface, has those that sign, too, whether it replaces them or
// not: embed the interface.
func As[T any](v any) (T, bool) {
	if found, ok := v.(T); ok {
		return found, true
	}
	if tells[T]() {
		for range maxWrapped {
			if v = unwrap(v); v == nil {
				break
			}
			if found, ok := v.(T); ok {
				return found, true
			}
		}
	}
	var none T
	return none, false
}

// tells reports whether an interface is one that makes no signature.
func tells[T any]() bool {
	switch any((*T)(nil)).(type) {
	case *Limiter, *Queuer, *Schemer, *SchemeExplainer, *BulkWaiter, *SPKIKey, *Pinger, *Lister, *ChainSource:
		return true
	}
	return false
}

// WrappedKey is a [Key] that wraps another one. [As] says what is found behind it.
type WrappedKey interface {
	Key
	Unwrap() Key
}

// WrappedProvider is a [Provider] that wraps another one.
type WrappedProvider interface {
	Provider
	Unwrap() Provider
}

// unwrap is what is behind a wrapper, or nil.
func unwrap(v any) any {
	switch w := v.(type) {
	case interface{ Unwrap() Key }:
		if k := w.Unwrap(); k != nil {
			return k
		}
	case interface{ Unwrap() Provider }:
		if p := w.Unwrap(); p != nil {
			return p
		}
	}
	return nil
}

// limitOf is what a key says of itself by Limiter and Queuer. A queue that is further inside than the limit is none for it: a wrapper
// with a limit of its own need not have one.
func limitOf(key Key) (limit int, queues bool) {
	said := false
	v := any(key)
	for i := 0; i < maxWrapped && v != nil; i++ {
		if q, ok := v.(Queuer); ok && !said {
			queues, said = q.Queues(), true
		}
		if l, ok := v.(Limiter); ok {
			return l.Limit(), queues
		}
		v = unwrap(v)
	}
	return 0, queues
}

// Chain asks the provider of a key, or what it wraps, for the certificates of the key: those of [ChainSource]. It returns none when
// the provider knows none. A source behind a wrapper is asked for the key as it knows it, whatever wraps that.
func Chain(ctx context.Context, p Provider, key Key) (chain []*x509.Certificate, err error) {
	if source, ok := p.(ChainSource); ok {
		return chainOf(ctx, source, key)
	}
	source, ok := As[ChainSource](p)
	if !ok {
		return nil, nil
	}
	var inside any = key
	for range maxWrapped {
		k, ok := inside.(Key)
		if !ok {
			break
		}
		if chain, err = chainOf(ctx, source, k); err == nil || ctx.Err() != nil {
			break
		}
		inside = unwrap(k)
	}
	return chain, err
}

// chainOf asks a source, which may not expect a key of others.
func chainOf(ctx context.Context, source ChainSource, key Key) (chain []*x509.Certificate, err error) {
	defer Recover(&err)
	return source.Chain(ctx, key)
}
