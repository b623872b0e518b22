package main

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/auth/signin"
)

// maxPeople bounds whom the demo remembers: anybody may sign in by any name.
const maxPeople = 1000

// people are those who have signed in since the demo began, with the roles of
// their last token. It is safe for concurrent use.
type people struct {
	mu   sync.Mutex
	seen map[string]person // key: sub
}

type person struct {
	roles []string
	at    time.Time
}

func (p *people) see(subject string, roles []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]person{}
	}
	p.seen[subject] = person{roles: roles, at: time.Now()}
	if len(p.seen) > maxPeople {
		var oldest string
		for name, who := range p.seen {
			if first := p.seen[oldest].at; oldest == "" || who.at.Before(first) {
				oldest = name
			}
		}
		delete(p.seen, oldest)
	}
}

func (p *people) all() map[string]person {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.seen)
}

// watch wraps the source of claims, which hears of every sign-in and refresh.
// The provider's own source stays as it is: the sign-in service has to know it.
func (d *demo) watch(source signin.Claims) signin.Claims {
	if d.signin.claims == claimsIDP {
		return source
	}
	return &watched{source: source, demo: d}
}

type watched struct {
	source signin.Claims
	demo   *demo
}

// Claims implements [signin.Claims].
func (w *watched) Claims(ctx context.Context, who signin.Subject) (map[string]any, error) {
	if w.demo.signin.claims == claimsHook {
		if err := w.demo.enrol(who.ID, grants(who.Last).roles()); err != nil {
			return nil, err
		}
	}
	claims, err := w.source.Claims(ctx, who)
	if err == nil {
		w.demo.people.see(who.ID, grants(claims).roles())
	}
	return claims, err
}

var errEnrolled = errors.New("is enrolled already")

// enrol gives somebody new to the app the roles that came with their first
// sign-in. From then on its own file says what they may do.
func (d *demo) enrol(subject string, roles []string) error {
	if len(roles) == 0 {
		roles = []string{"user"}
	}
	all, err := d.roles.all()
	if err != nil {
		return err
	}
	if _, named := all[subject]; named {
		return nil
	}
	err = d.roles.change(subject, func(_ grants, named bool) (grants, error) {
		if named {
			return nil, errEnrolled
		}
		return grants{"roles": roles}, nil
	})
	if errors.Is(err, errEnrolled) {
		return nil
	}
	return err
}

// met remembers who called a protected API.
func (d *demo) met(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t, ok := auth.TokenFrom(r.Context()); ok {
			d.people.see(t.Subject, slices.Clone(t.Roles()))
		}
		next.ServeHTTP(w, r)
	})
}
