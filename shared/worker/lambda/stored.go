package lambda

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Stored returns what stands at an ARN: a secret of AWS Secrets Manager, or a parameter of the
// SSM Parameter Store. It is an environment.Fetch.
func Stored(c aws.Config) func(ctx context.Context, arn string) (string, error) {
	return func(ctx context.Context, arn string) (string, error) {
		if strings.Contains(arn, ":ssm:") {
			answer, err := ssm.NewFromConfig(c).GetParameter(ctx, &ssm.GetParameterInput{Name: &arn, WithDecryption: aws.Bool(true)})
			if err != nil {
				return "", err
			}
			if answer.Parameter == nil || answer.Parameter.Value == nil {
				return "", errors.New("the parameter has no value")
			}
			return *answer.Parameter.Value, nil
		}
		answer, err := secretsmanager.NewFromConfig(c).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn})
		if err != nil {
			return "", err
		}
		if answer.SecretString == nil {
			return "", errors.New("the secret is binary; store text")
		}
		return *answer.SecretString, nil
	}
}
