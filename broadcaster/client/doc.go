// Package client holds the browser client: its TypeScript sources, their tests, and the built script that the
// binary serves.
//
// The Go side promises to serve exactly the committed build, dist/keyturn.js and its dev form, with an ETag and an integrity value
// that are computed from those very bytes; that the build is what the sources give is proved by the TypeScript
// tests. It does not build anything, and does not configure the script: the page does, by attributes of its tag.
// The package owns no goroutine.
package client
