package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/logging"
)

// cloud is AWS as this process asks it. Credentials, Region, endpoint, proxies
// and retries come from the SDK's own chain: the environment, the shared files,
// the role of the container or machine.
type cloud struct{ config aws.Config }

// openCloud reads the SDK's configuration, and makes sure of a Region for each
// ring that needs one. It calls nobody: whether there are credentials turns out
// with the first look, and is shown in the ring's status. Without a ring of
// AWS it returns nil.
func openCloud(ctx context.Context, c Config) (*cloud, error) {
	needed := func(r RingConfig) bool { return r.Store == storeAWS }
	if !slices.ContainsFunc(c.Rings, needed) {
		return nil, nil
	}
	// Log modes of the SDK that write out answers stay off: answers hold values.
	sdk, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}), config.WithAppID("keyturn"))
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w; see AWS_PROFILE, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE", err)
	}
	sdk.ClientLogMode = 0
	cl := &cloud{config: sdk}
	for i, r := range c.Rings {
		if needed(r) && cl.region(r) == "" {
			return nil, fmt.Errorf("rings[%d].secret: no AWS Region is known for %s: set AWS_REGION, or a region in the AWS profile, or name the secret by its ARN", i, safe(r.Secret))
		}
	}
	return cl, nil
}

// region returns the Region of a ring's secret: that of its ARN, else the SDK's.
func (c *cloud) region(r RingConfig) string {
	if parts := strings.SplitN(r.Secret, ":", 5); len(parts) == 5 && parts[0] == "arn" {
		return parts[3]
	}
	return c.config.Region
}

// secrets returns a client of Secrets Manager for a ring.
func (c *cloud) secrets(r RingConfig) *awssm.Client {
	return awssm.NewFromConfig(c.config, func(o *awssm.Options) { o.Region = c.region(r) })
}

// queue returns a client of SQS for the queue of a ring.
func (c *cloud) queue(r RingConfig) *sqs.Client {
	region := regionOfQueue(r.Hints.SQS)
	if region == "" {
		region = c.region(r)
	}
	return sqs.NewFromConfig(c.config, func(o *sqs.Options) { o.Region = region })
}

// regionOfQueue returns the Region that the host of a queue's URL names, as
// sqs.eu-west-1.amazonaws.com does; "" where it names none.
func regionOfQueue(queue string) string {
	u, err := url.Parse(queue)
	if err != nil {
		return ""
	}
	host := u.Hostname()
	if !strings.HasSuffix(host, ".amazonaws.com") && !strings.HasSuffix(host, ".amazonaws.com.cn") && !strings.HasSuffix(host, ".api.aws") {
		return ""
	}
	labels := strings.Split(host, ".")
	for i, label := range labels[:len(labels)-2] {
		if next := labels[i+1]; (label == "sqs" || label == "sqs-fips") && next != "amazonaws" {
			return next
		}
	}
	return ""
}
