// Package aws holds the tests of keyturn with AWS: the real binary against
// test/awsfake, and what deploy/aws deploys.
package aws
