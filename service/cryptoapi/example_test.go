package cryptoapi_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cryptoapi"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// A team mounts the API in its own server, with a key in a PKCS #12 file and the authentication that it has already.
func Example() {
	os.Setenv("SEAL_PASSWORD", "sesame")
	file := filepath.FromSlash("../../provider/soft/testdata/modern.p12") // seal.p12 in yours
	set, err := keys.New([]keys.Key{{
		Name: "seal",
		Store: &keys.Store{Name: "seal", Files: []string{file}, Open: func(ctx context.Context) (sign.Provider, error) {
			return soft.Open(ctx, file, soft.Config{Password: soft.PasswordEnv("SEAL_PASSWORD")})
		}},
		Options: cades.Options{}, // detached CAdES-BES
	}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer set.Close()
	g, err := gate.New(gate.Config{Auth: auth.Func(func(r *http.Request) (*auth.Principal, error) {
		if r.Header.Get("X-Team-User") == "" { // what your own middleware knows
			return nil, auth.ErrNone
		}
		return &auth.Principal{Name: r.Header.Get("X-Team-User"), Keys: []string{"seal"}, Endpoints: []string{"sign"}}, nil
	})})
	if err != nil {
		log.Fatal(err)
	}
	api, err := cryptoapi.New(cryptoapi.Config{Keys: set, Gate: g})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/crypto/", http.StripPrefix("/crypto", api))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "the rest of your server") })

	// What a client sees:
	server := httptest.NewServer(mux) // http.ListenAndServe in yours
	defer server.Close()
	for _, user := range []string{"", "anna"} {
		r, _ := http.NewRequest("POST", server.URL+"/crypto/v2/sign", strings.NewReader(`{"Thumbprint":"3D:53:4E:8A:7D:18:5E:17:A5:80:96:8E:C9:7E:74:07:EE:94:FE:FB","Contents":["aGVsbG8="]}`))
		r.Header.Set("X-Team-User", user)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		fmt.Printf("%q: %s\n", user, response.Status)
	}
	// Output:
	// "": 401 Unauthorized
	// "anna": 200 OK
}
