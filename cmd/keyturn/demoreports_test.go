package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

type reportList struct {
	Reports []report `json:"reports"`
	Total   int      `json:"total"`
	Page    int      `json:"page"`
	Pages   int      `json:"pages"`
}

func listReports(t *testing.T, r *reports, query string) (reportList, int) {
	t.Helper()
	w := httptest.NewRecorder()
	r.list(w, httptest.NewRequest(http.MethodGet, "/reporting/api/reports?"+query, nil))
	var list reportList
	if w.Code == 200 {
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
	}
	return list, w.Code
}

func TestReportsAreFilteredAndPagedByTheirAddress(t *testing.T) {
	r := newReports(time.Now())
	for _, c := range []struct {
		query                     string
		status, page, pages, rows int
	}{
		{"", 200, 1, 8, 8},
		{"filter=all", 200, 1, 8, 8},
		{"page=8", 200, 8, 8, 8},
		{"page=99", 200, 8, 8, 8},
		{"thread_id=test123&page=2&filter=active", 200, 2, 3, 8},
		{"thread_id=nothing", 200, 1, 1, 0},
		{"filter=nothing&page=3", 200, 1, 1, 0},
		{"thread_id=test", 200, 1, 1, 6},
		{"page=0", 400, 0, 0, 0},
		{"page=-1", 400, 0, 0, 0},
		{"page=two", 400, 0, 0, 0},
		{"page=99999999999999999999", 400, 0, 0, 0},
	} {
		list, status := listReports(t, r, c.query)
		if status != c.status || list.Page != c.page || list.Pages != c.pages || len(list.Reports) != c.rows {
			t.Errorf("%s: got %d, page %d of %d, %d rows; want %d, %d of %d, %d", c.query, status, list.Page, list.Pages, len(list.Reports), c.status, c.page, c.pages, c.rows)
		}
		for _, one := range list.Reports {
			if (strings.Contains(c.query, "filter=active") && one.Status != "active") || (strings.Contains(c.query, "thread_id=test123") && one.Thread != "test123") {
				t.Errorf("%s: got %+v", c.query, one)
			}
		}
	}
}

func TestReportsAreBelievable(t *testing.T) {
	now := time.Now()
	r := newReports(now)
	seen := map[string]bool{}
	threads, states := map[string]int{}, map[string]int{}
	for _, one := range r.all {
		if seen[one.ID] || seen[one.Thread+one.Title] || one.Owner == "" || one.Updated.After(now) {
			t.Errorf("got %+v", one)
		}
		seen[one.ID], seen[one.Thread+one.Title] = true, true
		threads[one.Thread]++
		states[one.Status]++
		if !slices.Contains(reportStates, one.Status) {
			t.Errorf("status %s", one.Status)
		}
	}
	if len(threads) != len(reportThreads) || len(states) != len(reportStates) {
		t.Errorf("threads %v, states %v", threads, states)
	}
	again := newReports(now)
	if !slices.Equal(r.all, again.all) {
		t.Error("two starts show different reports")
	}
}

func TestAReportIsApprovedByWhoeverMay(t *testing.T) {
	d := startDev(t, t.TempDir())
	reader, reviewer := signIn(t, d, "reader", "user", "analyst"), signIn(t, d, "reviewer", "reviewer")
	if got := reader.do(t, "POST", "/reporting/api/reports/R-1064/approve", "", nil); got.status != 403 || !strings.Contains(got.body, "role_missing") {
		t.Errorf("an analyst: got %d %s", got.status, got.body)
	}
	for range 2 { // an answer that was lost does no harm
		if got := reviewer.do(t, "POST", "/reporting/api/reports/R-1064/approve", "", nil); got.status != 200 || !strings.Contains(got.body, `"status":"approved"`) {
			t.Errorf("a reviewer: got %d %s", got.status, got.body)
		}
	}
	if got := reader.do(t, "GET", "/reporting/api/reports?filter=approved", "", nil); !strings.Contains(got.body, "R-1064") {
		t.Errorf("what was approved: got %s", got.body)
	}
	if got := reviewer.do(t, "POST", "/reporting/api/reports/R-1/approve", "", nil); got.status != 404 {
		t.Errorf("none of that number: got %d", got.status)
	}
	archived, _ := listReports(t, newReports(time.Now()), "filter=archived")
	if got := reviewer.do(t, "POST", "/reporting/api/reports/"+archived.Reports[0].ID+"/approve", "", nil); got.status != 409 {
		t.Errorf("an archived one: got %d", got.status)
	}
	for _, path := range []string{"/reporting/api/sources", "/reporting/api/threads"} {
		if got := reader.call(t, path); got != 200 {
			t.Errorf("%s: an analyst got %d", path, got)
		}
		if got := reviewer.call(t, path); got != 403 {
			t.Errorf("%s: a reviewer got %d", path, got)
		}
	}
	if got := d.get(d.public + "/reporting/api/reports"); got.status != 401 {
		t.Errorf("nobody: got %d", got.status)
	}
}
