package admin

import (
	"slices"
	"strings"
	"testing"
)

func TestChangedClaimsAreToldAndTheSubjectIsNotLogged(t *testing.T) {
	d := &daemon{}
	s, logs := newTest(t, d, tokens())
	w := ask(s, request("POST", "/v1/rings/demo/subjects/google%7Calice%2Fx@example.com/refresh", "kta_claims", ""))
	if w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"ring":"demo"}` {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if want := []string{"demo", "google|alice/x@example.com"}; !slices.Equal(d.told, want) {
		t.Errorf("told %q, want %q", d.told, want)
	}
	told := logs.FilterMessage("claims_told").All()
	if len(told) != 1 || told[0].ContextMap()["who"] != "claims" {
		t.Errorf("got %v, want one line with who did it", told)
	}
	for _, line := range logs.All() {
		for _, f := range line.Context {
			if strings.Contains(f.String, "alice") {
				t.Errorf("the log shows the subject: %v", line)
			}
		}
	}
}
