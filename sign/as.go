package sign

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
// A wrapper that embeds a type with all its methods, and not an interface, has those that sign, too, and replaces only some of
// them: embed the interface. Package provider/providertest notices.

// maxWrapped bounds how many wrappers are looked through.
const maxWrapped = 64

// As finds an optional interface of a key or a provider: its own, or of what it wraps where that is allowed, see [WrappedKey].
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

// WrappedKey is a [Key] that wraps another one. Package sign says above [As] what is found behind it.
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

// innermost is the key behind all wrappers.
func innermost(key Key) Key {
	for range maxWrapped {
		k, ok := unwrap(key).(Key)
		if !ok {
			break
		}
		key = k
	}
	return key
}
