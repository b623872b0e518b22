// Command requirements reports which rows of test/requirements.json a test run
// proved. Tests bind themselves to rows with covers (test/covers for Go,
// covers.ts for TypeScript); the run leaves outcome files in one folder, which
// this command reads:
//
//	go run ./test/requirements -outcomes bin/requirements -write bin/requirements/report.md
//
// A row is pass (at least one bound test ran, and none failed), fail, n/a with
// a clause that says why, waiting for work that is named, or missing. Failed
// and missing rows make the exit code 1. Rows that wait or don't apply and are
// proved anyway count as pass, so that a list that lags behind is seen.
//
// With -choose N it prints instead N of the rows that passed, chosen by a hash
// of their IDs and so by nobody: break.mjs breaks the code of each of them and
// wants to see its tests red.
package main
