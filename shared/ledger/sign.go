package ledger

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of signatures.
var (
	// ErrNoSigner: this process holds no key to sign with, and the entry would prove nothing without.
	ErrNoSigner = errors.New("this host holds no key that signs the ledger: ask the host or the function that does")
	// ErrUnproven: an entry that has to be signed is not, or not by a key that counts. Nobody acts by
	// its case until a person has looked, and adopted it ([Ledger.Adopt]).
	ErrUnproven = errors.New("the history is not proven")
	// ErrUnsigned: it carries no signature.
	ErrUnsigned = errors.New("it is not signed")
	// ErrOtherKey: it carries one that nobody here can say anything of.
	ErrOtherKey = errors.New("its signature is by no key that counts here")
)

// The algorithms, as JOSE names them. One belongs to each kind of key: a signature cannot choose.
// Source: RFC 7518, section 3.4, but for the form of the signature, which is ASN.1 as of AWS KMS;
// RFC 8037, section 3.1.
const (
	algorithmEd25519 = "EdDSA"
	algorithmECDSA   = "ES256" // on P-256, of the SHA-256 of the message
)

// Key is the public half of a key that signs the ledger.
type Key struct {
	// ID is the beginning of the SHA-256 of its PKIX form, hex.
	ID        string
	algorithm string
	public    crypto.PublicKey
}

// Signer signs what opens or changes a case, opens a gate or lifts a brake. No step holds one. It is
// safe for concurrent use.
type Signer interface {
	// Key is the public half of the key that signs.
	Key() Key
	// Sign returns the signature of a message by the algorithm of the key: of Ed25519 as it is, of
	// ECDSA as ASN.1.
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// NewKey is that of a public key, which is Ed25519, or ECDSA on P-256.
func NewKey(public crypto.PublicKey) (Key, error) {
	k := Key{public: public}
	switch of := public.(type) {
	case ed25519.PublicKey:
		k.algorithm = algorithmEd25519
	case *ecdsa.PublicKey:
		if of.Curve != elliptic.P256() {
			return Key{}, errors.New("a key that signs the ledger is Ed25519, or ECDSA on P-256 (ECC_NIST_P256)")
		}
		k.algorithm = algorithmECDSA
	default:
		return Key{}, errors.New("a key that signs the ledger is Ed25519, or ECDSA on P-256 (ECC_NIST_P256)")
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Key{}, fmt.Errorf("encoding a public key: %w", err)
	}
	sum := sha256.Sum256(der)
	k.ID = hex.EncodeToString(sum[:8])
	return k, nil
}

// String is the key as ParseKeys reads it.
func (k Key) String() string {
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return "" // of the zero key
	}
	return base64.StdEncoding.EncodeToString(der)
}

// ParseKeys reads public keys, separated by blanks: each is base64 of its PKIX form, as
// `aws kms get-public-key --query PublicKey --output text` prints it.
func ParseKeys(text string) ([]Key, error) {
	var all []Key
	for i, word := range strings.Fields(text) {
		der, err := base64.StdEncoding.DecodeString(word)
		if err != nil {
			return nil, fmt.Errorf("public key %d is not base64", i+1)
		}
		public, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, fmt.Errorf("public key %d: %w", i+1, err)
		}
		k, err := NewKey(public)
		if err != nil {
			return nil, fmt.Errorf("public key %d: %w", i+1, err)
		}
		all = append(all, k)
	}
	return all, nil
}

// fileSigner signs by a private key in memory.
type fileSigner struct {
	key     Key
	private ed25519.PrivateKey
}

// Key implements [Signer].
func (s fileSigner) Key() Key { return s.key }

// Sign implements [Signer].
func (s fileSigner) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(s.private, message), nil
}

// ParseSigner reads private keys in PEM (PKCS #8, Ed25519), as openssl genpkey makes them. The first
// signs; those after it are older ones, whose public halves are among the keys still.
func ParseSigner(text []byte) (Signer, []Key, error) {
	var signer Signer
	var keys []Key
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("private key %d: %w", len(keys)+1, err)
		}
		s := fileSigner{}
		var is bool
		if s.private, is = private.(ed25519.PrivateKey); !is {
			return nil, nil, fmt.Errorf("private key %d is not Ed25519: openssl genpkey -algorithm ed25519 makes one", len(keys)+1)
		}
		if s.key, err = NewKey(s.private.Public()); err != nil {
			return nil, nil, err
		}
		if signer == nil {
			signer = s
		}
		keys = append(keys, s.key)
	}
	if signer == nil {
		return nil, nil, errors.New("the file holds no private key in PEM: openssl genpkey -algorithm ed25519 makes one")
	}
	return signer, keys, nil
}

// FormatSigner is a private key in PEM, as ParseSigner reads it.
func FormatSigner(private ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encoding a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Proof is by which keys a process proves entries, and takes them for proven.
type Proof struct {
	// Tenant is the id of the tenant that the ledger is about: it is part of what is signed, so that no
	// entry of another tenant's ledger counts.
	Tenant string
	// Signer is nil where only what needs no signature is written: in every step.
	Signer Signer
	// Keys are those whose signatures count. Without any, nothing that has to be signed does.
	Keys []Key
	// Anchors are where the heads of all histories are kept beside the ledger; nil is nowhere.
	Anchors Anchorage
}

// signature is the last field of an entry, and over all that stands before it.
type signature struct {
	Key       string `json:"key"`
	Algorithm string `json:"alg"`
	Value     []byte `json:"value"`
}

// signatureField separates an entry from its signature. In no text can it stand: JSON quotes the '"'.
var signatureField = []byte(`,"signature":`)

// sign puts a signature into the JSON of an object.
func (p Proof) sign(ctx context.Context, id string, raw []byte) ([]byte, error) {
	if p.Signer == nil {
		return nil, ErrNoSigner
	}
	s := signature{Key: p.Signer.Key().ID, Algorithm: p.Signer.Key().algorithm}
	var err error
	if s.Value, err = p.Signer.Sign(ctx, p.message(id, raw)); err != nil {
		return nil, fmt.Errorf("signing for %s: %w", id, err)
	}
	field, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding a signature: %w", err)
	}
	signed := append(bytes.TrimSuffix(bytes.Clone(raw), []byte("}")), signatureField...)
	return append(append(signed, field...), '}'), nil
}

// message is what is signed: the entry, which of them it is (its position and the hash before it are in
// it), in which history of which tenant, and that it is one of Leaver's.
func (p Proof) message(id string, raw []byte) []byte {
	return append([]byte("leaver.ledger.1\n"+p.Tenant+"\n"+id+"\n"), raw...)
}

// signer is the id of the key that a stored entry is signed by; the error says what is wrong with its
// signature.
func (p Proof) signer(id string, raw []byte) (string, error) {
	i := bytes.LastIndex(raw, signatureField)
	if i < 0 {
		return "", ErrUnsigned
	}
	var s signature
	decoder := json.NewDecoder(bytes.NewReader(raw[i+len(signatureField):]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return "", errors.New("its signature cannot be read")
	}
	if rest := raw[i+len(signatureField)+int(decoder.InputOffset()):]; string(rest) != "}" {
		return "", errors.New("something follows its signature")
	}
	message := p.message(id, append(bytes.Clone(raw[:i]), '}'))
	for _, k := range p.Keys {
		if k.ID != s.Key {
			continue
		}
		if s.Algorithm == k.algorithm && k.verifies(message, s.Value) {
			return k.ID, nil
		}
		return "", fmt.Errorf("its signature is not that of key %s: it was changed, or is another case's or tenant's", k.ID)
	}
	return "", ErrOtherKey
}

// aboutCase begins what is signed of a report; no history has an id like that.
const aboutCase = "report "

// SignReport puts a signature into the JSON of a report about a case, as its last field. Errors:
// ErrNoSigner, and those of the key.
func (l *Ledger) SignReport(ctx context.Context, id string, report []byte) ([]byte, error) {
	return l.proof.sign(ctx, aboutCase+id, report)
}

// ReportSigner is the id of the key that the compacted JSON of a report about a case is signed by. Errors:
// ErrUnsigned, ErrOtherKey, and others where it was changed since.
func (p Proof) ReportSigner(id string, report []byte) (string, error) {
	return p.signer(aboutCase+id, report)
}

// Keys are those whose signatures count here.
func (l *Ledger) Keys() []Key { return slices.Clone(l.proof.Keys) }

func (k Key) verifies(message, value []byte) bool {
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(public, message, value)
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		return ecdsa.VerifyASN1(public, sum[:], value)
	}
	return false
}
