package activedirectory

import (
	"errors"
	"fmt"
	"os"

	"leaver/shared/offboarding"
	"leaver/shared/strictyaml"
)

// declaration is the file of an organisation's directories.
type declaration struct {
	Directories []struct {
		Domain       string   `yaml:"domain"`
		Servers      []string `yaml:"servers"`
		StartTLS     bool     `yaml:"startTLS"`
		CA           string   `yaml:"ca"`   // a file, PEM
		Bind         string   `yaml:"bind"` // userPrincipalName or distinguished name of the service account
		Secret       string   `yaml:"secret"`
		Base         string   `yaml:"base"`
		Synchronised []string `yaml:"synchronised"`
		MoveTo       string   `yaml:"moveTo"`
		Description  string   `yaml:"description"`
	} `yaml:"directories"`
}

// Parse reads the file that LEAVER_DIRECTORY names, in YAML. Read returns the value at the place of a
// secret: env:NAME, file:PATH, an ARN, or the value itself. Its errors say what to fix.
func Parse(text []byte, read func(place string) (string, error)) ([]Domain, error) {
	var d declaration
	if err := strictyaml.Decode(text, &d); err != nil {
		return nil, err
	}
	if len(d.Directories) == 0 {
		return nil, errors.New("it declares no directories")
	}
	var domains []Domain
	for _, each := range d.Directories {
		secret, err := read(each.Secret)
		if err != nil {
			return nil, fmt.Errorf("the directory of %s: its secret: %w", each.Domain, err)
		}
		domain := Domain{
			Name: each.Domain, Servers: each.Servers, StartTLS: each.StartTLS, Bind: each.Bind, Secret: secret, Base: each.Base, Synchronised: each.Synchronised,
			OnPremisesTreatment: offboarding.OnPremisesTreatment{Description: each.Description, MoveTo: each.MoveTo},
		}
		if each.CA != "" {
			if domain.CA, err = os.ReadFile(each.CA); err != nil {
				return nil, fmt.Errorf("the directory of %s: ca: %w", each.Domain, err)
			}
		}
		domains = append(domains, domain)
	}
	return domains, nil
}
