package main

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/keyturn/keyturn/auth"
)

// The protected APIs of the demo's reports, and the reports themselves. They are
// made at the start and forgotten at the end; only the roles are of interest.

// pageOfReports is how many reports one page shows.
const pageOfReports = 8

type report struct {
	ID      string    `json:"id"`
	Title   string    `json:"title"`
	Thread  string    `json:"thread"`
	Source  string    `json:"source"`
	Owner   string    `json:"owner"`
	Status  string    `json:"status"` // one of reportStates
	Updated time.Time `json:"updated"`
}

type thread struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

type source struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Lag    string `json:"lag"` // how far it is behind
	Health string `json:"health"`
}

var reportStates = []string{"active", "draft", "approved", "archived"}

var reportThreads = []thread{
	{"test123", "Quarter-end close"}, {"churn", "Churn and renewals"}, {"latency", "Checkout latency"},
	{"hiring", "Hiring plan"}, {"test", "Sandbox"},
}

var reportSources = []source{
	{"ledger", "General ledger", "4 min", "good"}, {"crm", "Customer records", "11 min", "good"},
	{"metrics", "Service metrics", "20 s", "good"}, {"survey", "Customer survey", "2 d", "late"},
}

// reports are what the demo is about. It is safe for concurrent use.
type reports struct {
	mu  sync.Mutex
	all []report
}

// newReports makes the same reports at each start, the newest one a little before now.
func newReports(now time.Time) *reports {
	titles := map[string][]string{
		"test123": {"Revenue by region", "Accruals review", "Intercompany balances", "Cash position", "Deferred revenue", "Cost centre variance", "Fixed assets"},
		"churn":   {"Renewal forecast", "Accounts at risk", "Reasons for leaving", "Win-back campaign"},
		"latency": {"Checkout p99", "Card authorisation times", "Slow queries", "Regional breakdown"},
		"hiring":  {"Open positions", "Offer acceptance", "Time to hire"},
		"test":    {"Trial balance", "Empty template"},
	}
	owners := []string{"Amara Okafor", "Jonas Weber", "Mei Tanaka", "Sofía Ruiz", "Priya Nair"}
	share := []string{"test123", "churn", "test123", "latency", "test123", "hiring", "test123", "churn", "latency", "test"}
	state := []string{"active", "active", "draft", "active", "approved", "active", "active", "draft", "archived"}
	turn := map[string]int{}
	out := &reports{}
	at := now.Truncate(time.Minute)
	for i := range 64 {
		id := share[i%len(share)]
		n := turn[id]
		turn[id]++
		title := titles[id][n%len(titles[id])]
		if n >= len(titles[id]) {
			title += ", revision " + strconv.Itoa(n/len(titles[id])+1)
		}
		at = at.Add(-time.Duration(37+13*(i%7)) * time.Minute)
		out.all = append(out.all, report{
			ID: fmt.Sprintf("R-%d", 1064-i), Title: title, Thread: id, Source: reportSources[(i+n)%len(reportSources)].ID,
			Owner: owners[(i*3+n)%len(owners)], Status: state[(i*2+n)%len(state)], Updated: at,
		})
	}
	return out
}

// list answers GET /reporting/api/reports?thread_id=&filter=&page=. Values that
// name nothing show an empty list, a page beyond the last one the last: an
// address that somebody kept stays good.
func (r *reports) list(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	thread, filter := q.Get("thread_id"), q.Get("filter")
	page, err := strconv.Atoi(q.Get("page"))
	if q.Get("page") == "" {
		page, err = 1, nil
	}
	if err != nil || page < 1 || page > 1e6 {
		auth.WriteProblem(w, &auth.Error{Status: http.StatusBadRequest, Code: "bad_request", Description: "page: want a number from 1"})
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	found := []report{}
	for _, one := range r.all {
		if (thread == "" || one.Thread == thread) && (filter == "" || filter == "all" || one.Status == filter) {
			found = append(found, one)
		}
	}
	pages := max(1, (len(found)+pageOfReports-1)/pageOfReports)
	page = min(page, pages)
	from := (page - 1) * pageOfReports
	writeDemo(w, http.StatusOK, map[string]any{
		"reports": found[from:min(from+pageOfReports, len(found))], "total": len(found), "page": page, "pages": pages,
	})
}

// approve answers POST /reporting/api/reports/{id}/approve. A report that is
// approved already stays so: whoever asks twice, or whose answer was lost, gets the same.
func (r *reports) approve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.all, func(one report) bool { return one.ID == req.PathValue("id") })
	if at < 0 {
		auth.WriteProblem(w, &auth.Error{Status: http.StatusNotFound, Code: "no_such_report", Description: "there is no report of that number"})
		return
	}
	if r.all[at].Status == "archived" {
		auth.WriteProblem(w, &auth.Error{Status: http.StatusConflict, Code: "report_archived", Description: "an archived report can't be approved"})
		return
	}
	r.all[at].Status = "approved"
	writeDemo(w, http.StatusOK, r.all[at])
}

func listSources(w http.ResponseWriter, _ *http.Request) {
	writeDemo(w, http.StatusOK, map[string]any{"sources": reportSources})
}

func listThreads(w http.ResponseWriter, _ *http.Request) {
	writeDemo(w, http.StatusOK, map[string]any{"threads": reportThreads})
}
