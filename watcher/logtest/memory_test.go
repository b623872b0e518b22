package logtest_test

import (
	"testing"

	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/logtest"
)

func TestTheLogInMemoryKeepsTheContract(t *testing.T) {
	logtest.Run(t, func(*testing.T) (watcher.Log, func(string, []byte)) {
		m := &logtest.Memory{}
		return m, m.Put
	})
}
