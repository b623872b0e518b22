package signin

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// maxPresented bounds how many session cookies of one request are looked at: each is a read of the bucket.
const maxPresented = 4

// errAmbiguous: cookies of different sessions came along, and more than one of these stands, or there are too many.
var errAmbiguous = errors.New("cookies of different sessions came along")

// presented returns the credential that a request comes with. One host has one
// cookie of the name, and no more work is done than to read it. Where there are more,
// another server of this host name or of its domain has set one (RFC 6265 §8.5 and
// §8.6; the prefix __Host- rules it out, development over plain http has none): the one
// whose session stands is the browser's own. If several stand, nobody can tell which of them
// was planted: errAmbiguous, and none is used, changed or ended; a new sign-in ends them all. ok is false where no credential came along.
func (s *Service) presented(ctx context.Context, r *http.Request, now time.Time) (cred credential, ok bool, err error) {
	all := s.cookie.all(r)
	if len(all) == 0 {
		return credential{}, false, nil
	}
	if len(all) == 1 {
		return all[0], true, nil
	}
	if len(all) > maxPresented {
		return credential{}, false, errAmbiguous
	}
	best, standing := unknown, -1
	for i, c := range all {
		rec, _, err := s.bucket.read(ctx, c.session())
		if errors.Is(err, errNone) {
			continue
		}
		if err != nil {
			return credential{}, false, err
		}
		v := rec.judge(c, s.bucket.serverKey(), now)
		if v != fresh && v != repeated {
			continue
		}
		if standing >= 0 && all[standing].session() != c.session() {
			return credential{}, false, errAmbiguous
		}
		if standing < 0 || v == fresh && best == repeated {
			best, standing = v, i
		}
	}
	return all[max(standing, 0)], true, nil
}
