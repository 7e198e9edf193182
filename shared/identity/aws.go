package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Audience is that of the tokens which Entra takes from other issuers.
// Source: Microsoft Entra, Workload identity federation, Considerations.
const Audience = "api://AzureADTokenExchange"

// assertionLife is how long a token of AWS is good: it is exchanged at once.
const assertionLife = 5 * time.Minute

// FederatedByAWS returns an assertion for a [Tenant]: a token in which AWS says which IAM role
// this process has. The role needs sts:GetWebIdentityToken, the account outbound identity
// federation, and the application a federated credential with the account's issuer, the role's
// ARN as subject, and [Audience]. There is no secret to keep.
//
// Sources: AWS IAM, Federating AWS identities to external services; AWS STS,
// GetWebIdentityToken, which only regional endpoints have; Microsoft Entra, federated identity
// credentials, which are signed with RS256.
func FederatedByAWS(c aws.Config) func(context.Context) (string, error) {
	client := sts.NewFromConfig(c)
	return func(ctx context.Context) (string, error) {
		answer, err := client.GetWebIdentityToken(ctx, &sts.GetWebIdentityTokenInput{
			Audience: []string{Audience}, SigningAlgorithm: aws.String("RS256"),
			DurationSeconds: aws.Int32(int32(assertionLife / time.Second)),
		})
		if err != nil {
			return "", fmt.Errorf("getting a token from AWS: %w", err)
		}
		if answer.WebIdentityToken == nil {
			return "", errors.New("getting a token from AWS: the answer holds none")
		}
		return *answer.WebIdentityToken, nil
	}
}
