package awsfake

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// quickRetryer decides as the SDK's standard retryer does and pauses a millisecond.
type quickRetryer struct{}

var standard = retry.NewStandard()

func (quickRetryer) IsErrorRetryable(err error) bool    { return standard.IsErrorRetryable(err) }
func (quickRetryer) MaxAttempts() int                   { return 3 }
func (quickRetryer) GetInitialToken() func(error) error { return func(error) error { return nil } }
func (quickRetryer) GetRetryToken(context.Context, error) (func(error) error, error) {
	return func(error) error { return nil }, nil
}
func (quickRetryer) RetryDelay(int, error) (time.Duration, error) { return time.Millisecond, nil }

// quickRetries is a retryer for clients whose tries are counted.
func quickRetries() aws.Retryer { return quickRetryer{} }
