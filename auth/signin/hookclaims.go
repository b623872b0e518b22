package signin

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	hookTimeout   = 2 * time.Second
	maxHookAnswer = maxRecord / 2 // claims have to fit a session, beside its other fields
	leastSecret   = 24            // bytes of a hook's secret, as Standard Webhooks wants it
)

// HookConfig of [HookClaims].
type HookConfig struct {
	URL    string // of the app's endpoint: https, or http on a loopback address
	Ring   string
	Secret []byte // signs each call; at least 24 bytes. The app holds the same
}

// HookClaims asks the app itself: each sign-in and refresh is a POST of
//
//	{"ring":"payments","subject":"alice","session":"9f…"}
//
// signed as Standard Webhooks 1.0.0 says (headers webhook-id, webhook-timestamp
// and webhook-signature: "v1," and the base64 HMAC-SHA256 of
// id.timestamp.body). The app answers 200 with a JSON object, which is the claims,
// or 403 for a subject that may no longer sign in, which ends the session.
// Anything else, and silence for two seconds, is an error that passes. No redirect is
// followed: the call tells who is signed in.
func HookClaims(c HookConfig) (Claims, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("claims hook: url: want one like https://app.example.com/claims, without credentials")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("claims hook: url: want https; http only to a loopback address")
	case len(c.Secret) < leastSecret:
		return nil, fmt.Errorf("claims hook: secret: want at least %d bytes, got %d; make one with: openssl rand -base64 32", leastSecret, len(c.Secret))
	}
	return &hookClaims{HookConfig: c, client: &http.Client{
		Timeout:       hookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

type hookClaims struct {
	HookConfig
	client *http.Client
}

// Claims implements [Claims].
func (h *hookClaims) Claims(ctx context.Context, who Subject) (map[string]any, error) {
	body, err := json.Marshal(map[string]string{"ring": h.Ring, "subject": who.ID, "session": who.Session})
	if err != nil {
		return nil, fmt.Errorf("claims hook: encode the call: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("claims hook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	h.sign(req.Header, "msg_"+rand.Text(), time.Now(), body)
	res, err := h.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("claims hook: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end, or given up
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxHookAnswer+1))
	switch {
	case res.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("claims hook: the app answered 403: %w", ErrGone)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("claims hook: the app answered %d; want 200 with the claims, or 403", res.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("claims hook: read the answer: %w", err)
	}
	return decodeClaims(res.Header.Get("Content-Type"), answer)
}

// sign sets the headers of Standard Webhooks.
func (h *hookClaims) sign(to http.Header, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	m := hmac.New(sha256.New, h.Secret)
	m.Write([]byte(id + "." + stamp + "."))
	m.Write(body)
	to.Set("webhook-id", id)
	to.Set("webhook-timestamp", stamp)
	to.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)))
}

// decodeClaims reads an app's answer. Errors quote nothing of it.
func decodeClaims(contentType string, answer []byte) (map[string]any, error) {
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
		return nil, errors.New("claims hook: the answer is not application/json")
	}
	if len(answer) > maxHookAnswer {
		return nil, fmt.Errorf("claims hook: the answer is larger than %d bytes; put fewer claims into tokens", maxHookAnswer)
	}
	var claims map[string]any
	dec := json.NewDecoder(bytes.NewReader(answer))
	if err := dec.Decode(&claims); err != nil || claims == nil {
		return nil, errors.New(`claims hook: the answer is no JSON object; want the claims, like {"roles":["user"]}`)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("claims hook: something follows the JSON object of the answer")
	}
	return claims, nil
}

// loopback reports whether a host name means this machine and nothing else.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
