package lambda

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// AWS is how the function reaches AWS: region and credentials as Lambda gives them. It makes no
// call.
func AWS(ctx context.Context) (aws.Config, error) {
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return c, fmt.Errorf("reading the configuration of AWS: %w", err)
	}
	return c, nil
}
