package cloudsign_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/cloudsign"
	"github.com/seed-116355fd/signet/service/confirm"
)

// The tests of this file each belong to one guard, and fail when it is taken out.

// TestTwoAuthorizations: of two, a proxy in front may have looked at the other one.
func TestTwoAuthorizations(t *testing.T) {
	h := newHouse(t)
	for _, both := range [][]string{{annaAuth, annaAuth}, {annaAuth, "Bearer boris"}, {"Bearer boris", annaAuth}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.base+"/GetMyCertificates", nil)
		require.NoError(t, err)
		r.Header["Authorization"] = both
		w, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, w.Body.Close())
		require.Equal(t, http.StatusUnauthorized, w.StatusCode, both)
	}
}

// TestKeysOfTheProfile: a profile narrows the keys of a principal, and widens them by none.
func TestKeysOfTheProfile(t *testing.T) {
	var profile cloudsign.Profile
	h := newHouse(t, func(c *cloudsign.Config) {
		c.Caller = func(ctx context.Context, owner string) (cloudsign.Profile, error) {
			p, err := profiles(ctx, owner)
			p.Key, p.Keys = profile.Key, profile.Keys
			return p, err
		}
	})
	begin := func(query string) reply {
		return h.do("POST", "/CloudSign"+query, marshal(t, inline("x")), "Authorization", "Bearer boris")
	}
	// Boris may use seal and second.
	profile.Keys = []string{"second", "foreign"}
	h.task(begin(""))
	require.Equal(t, "second", h.engine.began[0].Key)
	h.task(begin("?certificateThumbprint=" + thumbprint(h, 1)))
	for i := range 3 {
		if i != 1 {
			h.refused(begin("?certificateThumbprint="+thumbprint(h, i)), 403, "User.AccessDenied", "")
		}
	}
	profile.Keys = []string{}
	h.refused(begin(""), 403, "CloudCertificateNotFound", "")
	for _, key := range []string{"foreign", "nowhere"} {
		profile = cloudsign.Profile{Key: key}
		h.refused(begin(""), 403, "CloudCertificateNotFound", "")
	}
	require.Len(t, h.engine.began, 2)
}

// TestQueryIsNotTold: an error of the query does not repeat it, for there may be a code in it.
func TestQueryIsNotTold(t *testing.T) {
	h := newHouse(t)
	w := h.do("POST", "/CloudSignConfirm?token=x&confirmationCode=003450%zz", nil)
	h.refused(w, 400, "Http.BadRequest", "cannot be read")
	for _, part := range []string{"003450", "%zz"} {
		require.NotContains(t, string(w.body), part)
	}
}

// TestBodiesAreBounded: each kind of request by what it needs.
func TestBodiesAreBounded(t *testing.T) {
	h := newHouse(t, func(c *cloudsign.Config) { c.Limits.Request = 1000 })
	h.refused(h.do("POST", "/CloudSign", marshal(t, inline(strings.Repeat("x", 1001)))), 413, "Http.RequestEntityTooLarge", "")
	require.Empty(t, h.engine.began)
}

// TestRunsOfOthers: a run is of the one who asked for it.
func TestRunsOfOthers(t *testing.T) {
	w := newWhole(t)
	run, err := w.engine.Run(t.Context(), confirm.RunRequest{Owner: "boris", Source: "folder", Box: "missing", Key: "seal"})
	require.NoError(t, err)
	w.refused(w.do("GET", "/AutoSignReceiptsResult?taskId="+run.ID, nil), 404, "Http.NotFound", "no such task")
}

// TestNoBoxes: where there are no boxes, there is none.
func TestNoBoxes(t *testing.T) {
	h := newHouse(t, func(c *cloudsign.Config) { c.Box = nil })
	h.refused(h.do("POST", "/AutoSignReceipts?boxId=b", nil), 404, "Http.NotFound", "no such box")
	require.Empty(t, h.engine.ran)
}
