package rotation_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func wantRedacted(t *testing.T, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), string(b)} {
		if strings.Contains(out, "material of") {
			t.Errorf("a print stands in %s", out)
		}
	}
}
