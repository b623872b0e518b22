package main

import (
	"io"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger returns a logger that writes to w: one JSON object a line, or text
// for people. Values that hold material redact themselves.
func newLogger(c LogConfig, w io.Writer) *zap.Logger {
	level := zapcore.InfoLevel
	_ = level.UnmarshalText([]byte(c.Level)) // the configuration admits known words only
	enc := zap.NewProductionEncoderConfig()
	enc.TimeKey, enc.MessageKey = "at", "event"
	enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	enc.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(enc)
	if c.Format == "console" {
		enc.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		enc.CallerKey, enc.NameKey = zapcore.OmitKey, zapcore.OmitKey
		enc.ConsoleSeparator = "  "
		encoder = zapcore.NewConsoleEncoder(enc)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&syncWriter{w: w}), level))
}

// syncWriter lets a logger and a verb's own prints share one writer.
type syncWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *syncWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
