//go:build !unix

package broadcaster

import "errors"

const canTryWrite = false

func tryWrite(int, []byte) (int, error) {
	return 0, errors.New("write without waiting: not on this system")
}
