package embedded

import (
	"fmt"

	"go.uber.org/zap"
)

// bridge hands the server's warnings and errors to zap. It keeps the first
// fatal message for the caller of Start and, unlike the server's own logger,
// never ends the process.
type bridge struct {
	log   *zap.Logger
	fatal chan string // capacity 1: the first one is the cause
}

func (b *bridge) Noticef(string, ...any) {}
func (b *bridge) Debugf(string, ...any)  {}
func (b *bridge) Tracef(string, ...any)  {}

func (b *bridge) Warnf(format string, v ...any) {
	b.log.Warn("nats server", zap.String("message", fmt.Sprintf(format, v...)))
}

func (b *bridge) Errorf(format string, v ...any) {
	b.log.Error("nats server", zap.String("message", fmt.Sprintf(format, v...)))
}

func (b *bridge) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	select {
	case b.fatal <- text:
	default:
		b.log.Error("nats server", zap.String("message", text))
	}
}
