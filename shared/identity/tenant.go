// Package identity is how Leaver proves to Microsoft who it is: the clouds, the ways to a
// credential, and the HTTP client that reaches them.
package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Tenant says which tenant to reach, and as which application. In JSON it is also the line
// that "leaver tenant" prints.
type Tenant struct {
	TenantID string `json:"tenantId"`
	ClientID string `json:"clientId"`

	// ConsoleClientID is the registration by which people sign in to the console; empty is none.
	ConsoleClientID string `json:"consoleClientId,omitempty"`

	// Exactly one of these proves the application.
	ClientSecret    string                                    `json:"clientSecret,omitempty"`
	CertificateFile string                                    `json:"certificateFile,omitempty"` // PEM: certificate and private key
	Certificate     []byte                                    `json:"-"`                         // the same, instead of the file
	Assertion       func(ctx context.Context) (string, error) `json:"-"`                         // a token of a federated identity, see [FederatedByAWS]
	Managed         bool                                      `json:"-"`                         // the managed identity ClientID, on Azure
	Workload        bool                                      `json:"-"`                         // the pod's service account, on Kubernetes
	AzureCLI        bool                                      `json:"-"`                         // no application: the person who ran az login on this machine

	Cloud string `json:"cloud,omitempty"` // see [CloudOf]
	// These replace the addresses of the cloud, for a tenant that is simulated.
	Graph     string `json:"graph,omitempty"`
	Authority string `json:"authority,omitempty"`
	Exchange  string `json:"exchange,omitempty"`
	CAFile    string `json:"caFile,omitempty"` // PEM of the only authority to trust, instead of the system's
}

// Parse reads a tenant from JSON.
func Parse(data []byte) (Tenant, error) {
	var t Tenant
	if err := json.Unmarshal(data, &t); err != nil {
		return Tenant{}, fmt.Errorf("tenant: %w", err)
	}
	return t, nil
}

// Connection is a tenant ready to be called; graph.New and exchange.New take its parts.
type Connection struct {
	Cloud      // with the replaced addresses
	TenantID   string
	HTTP       *http.Client
	Credential azcore.TokenCredential
}

// Connect makes the credential and the HTTP client of the tenant. It makes no call. A given
// client is used instead of one of its own.
func (t Tenant) Connect(client *http.Client) (Connection, error) {
	cloud, err := CloudOf(t.Cloud)
	if err != nil {
		return Connection{}, fmt.Errorf("tenant: %w", err)
	}
	known := t.Authority == "" || t.Authority == cloud.Authority
	if !known {
		cloud.SignIn = t.Authority
	}
	for _, replaced := range []struct{ by, address *string }{
		{&t.Graph, &cloud.Graph}, {&t.Authority, &cloud.Authority},
	} {
		if *replaced.by != "" {
			*replaced.address = *replaced.by
		}
	}
	cloud = cloud.WithExchange(t.Exchange)
	if client == nil {
		if client, err = newHTTPClient(t.CAFile); err != nil {
			return Connection{}, fmt.Errorf("tenant: %w", err)
		}
	}
	cred, err := t.credential(policy.ClientOptions{
		Transport: client,
		Cloud:     azcloud.Configuration{ActiveDirectoryAuthorityHost: cloud.Authority},
		// The worker is the one owner of retry: it knows the lease and the budget.
		Retry: policy.RetryOptions{MaxRetries: -1},
	}, !known) // Entra's list of authorities does not know a simulated one
	if err != nil {
		return Connection{}, fmt.Errorf("tenant: %w", err)
	}
	return Connection{Cloud: cloud, TenantID: t.TenantID, HTTP: client, Credential: credential{cred}}, nil
}

func (t Tenant) credential(options policy.ClientOptions, noDiscovery bool) (azcore.TokenCredential, error) {
	given := 0
	for _, is := range []bool{t.ClientSecret != "", t.Certificate != nil || t.CertificateFile != "", t.Assertion != nil, t.Managed, t.Workload, t.AzureCLI} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, errors.New("give exactly one of client secret, certificate, federated, managed and workload identity, and the Azure CLI's")
	}
	switch {
	case t.Assertion != nil:
		return azidentity.NewClientAssertionCredential(t.TenantID, t.ClientID, t.Assertion,
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: noDiscovery})
	case t.AzureCLI:
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: t.TenantID})
	case t.Managed:
		return azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
			ClientOptions: policy.ClientOptions{Retry: options.Retry}, ID: azidentity.ClientID(t.ClientID),
		})
	case t.Workload:
		// Where the token lies is in AZURE_FEDERATED_TOKEN_FILE, which the pod's webhook sets.
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, TenantID: t.TenantID, ClientID: t.ClientID, DisableInstanceDiscovery: noDiscovery,
		})
	case t.ClientSecret == "":
		text := t.Certificate
		if text == nil {
			var err error
			if text, err = os.ReadFile(t.CertificateFile); err != nil {
				return nil, err
			}
		}
		certs, key, err := azidentity.ParseCertificates(text, nil)
		if err != nil {
			return nil, fmt.Errorf("the certificate: %w", err)
		}
		return azidentity.NewClientCertificateCredential(t.TenantID, t.ClientID, certs, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: noDiscovery})
	}
	return azidentity.NewClientSecretCredential(t.TenantID, t.ClientID, t.ClientSecret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: noDiscovery})
}

// newHTTPClient makes a client that gives up soon on a dead connection, such as one that a
// frozen Lambda wakes up with.
func newHTTPClient(caFile string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext
	transport.MaxIdleConnsPerHost = 32
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second}
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		text, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate", caFile)
		}
	}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, nil
}
