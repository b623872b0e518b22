package test

import _ "embed"

// Requirements is requirements.json: what users, developers and support people
// see in the browser, one sentence an ID. Tests name the IDs they prove with
// covers; go run ./test/requirements reports on a run.
//
//go:embed requirements.json
var Requirements []byte
