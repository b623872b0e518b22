#!/bin/sh
# Fails and lists the files that gofmt would change.
bad=$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l)
[ -z "$bad" ] && exit 0
echo "gofmt would change:" >&2
echo "$bad" >&2
exit 1
