package sign_test

import (
	"testing"

	"github.com/seed-116355fd/signet/provider/providertest"
	"github.com/seed-116355fd/signet/sign"
)

// TestOwnProvider checks the provider of ExampleProvider.
func TestOwnProvider(t *testing.T) {
	like := newBox()
	providertest.Run(t, providertest.Config{
		Open: func(testing.TB) sign.Provider { return &box{label: like.label, chain: like.chain, ask: like.ask} },
		Keys: []providertest.Key{{Label: "seal", Certificate: like.chain[0], Chain: like.chain}},
	})
}
