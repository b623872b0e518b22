package aws

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if built != "" {
			_ = os.RemoveAll(filepath.Dir(built)) // a left-over binary harms nobody
		}
		os.Exit(code)
	}))
}

var built string

// binary is the real one, built once for all tests of this package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "keyturn-aws-")
	if err != nil {
		return "", err
	}
	built = filepath.Join(dir, "keyturn")
	if out, err := exec.Command("go", "build", "-o", built, "github.com/keyturn/keyturn/cmd/keyturn").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return built, nil
})
