package lambda

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"leaver/shared/ledger"
)

// signer signs by an asymmetric key of AWS KMS, which never leaves it.
type signer struct {
	client *kms.Client
	arn    string
	key    ledger.Key
}

// NewSigner opens keys of AWS KMS by their ARN, ECC_NIST_P256 for SIGN_VERIFY. Of each it asks for the
// public half once.
func NewSigner(c aws.Config) func(ctx context.Context, arn string) (ledger.Signer, error) {
	return func(ctx context.Context, arn string) (ledger.Signer, error) {
		return openKey(ctx, kms.NewFromConfig(c), arn)
	}
}

func openKey(ctx context.Context, client *kms.Client, arn string) (ledger.Signer, error) {
	answer, err := client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &arn})
	if err != nil {
		return nil, fmt.Errorf("reading the public half of %s: %w", arn, err)
	}
	public, err := x509.ParsePKIXPublicKey(answer.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("reading the public half of %s: %w", arn, err)
	}
	key, err := ledger.NewKey(public)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", arn, err)
	}
	return signer{client, arn, key}, nil
}

// Key implements ledger.Signer.
func (s signer) Key() ledger.Key { return s.key }

// Sign implements ledger.Signer. It sends the digest: KMS refuses messages over 4,096 bytes.
// Source: AWS Key Management Service API Reference, Sign, "MessageType".
func (s signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	answer, err := s.client.Sign(ctx, &kms.SignInput{
		KeyId: &s.arn, Message: digest[:], MessageType: types.MessageTypeDigest, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
	})
	if err != nil {
		return nil, fmt.Errorf("signing by %s: %w", s.arn, err)
	}
	return answer.Signature, nil
}
