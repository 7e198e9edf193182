package ledgertest

import (
	"crypto/ed25519"

	"leaver/shared/ledger"
)

// Proof signs the ledger of a tenant by a key that every test knows, and takes its signatures.
func Proof(tenant string) ledger.Proof { return ProofBy(tenant, 0) }

// ProofBy is one by another key for each number.
func ProofBy(tenant string, key byte) ledger.Proof {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = key
	text, err := ledger.FormatSigner(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		panic(err)
	}
	signer, keys, err := ledger.ParseSigner(text)
	if err != nil {
		panic(err)
	}
	return ledger.Proof{Tenant: tenant, Signer: signer, Keys: keys}
}
