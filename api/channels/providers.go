package channels

import (
	"context"
	"sort"

	"github.com/trellishq/trellis/channels/provider"
)

// CredentialField is one field of a provider's credentials.
type CredentialField struct {
	Name     string `json:"name" maxLength:"64" doc:"The key in credentials." example:"auth_token"`
	Title    string `json:"title" maxLength:"100" doc:"What the provider calls it." example:"Auth Token"`
	Secret   bool   `json:"secret" doc:"It is never shown again."`
	Required bool   `json:"required" doc:"It must be given."`
	Pattern  string `json:"pattern" maxLength:"200" doc:"A regular expression that it must match; empty for none." example:"^AC[0-9a-fA-F]{32}$"`
}

// Provider is a company that carries messages.
type Provider struct {
	Name         string            `json:"name" enum:"twilio,clickatell,scopserv,sandbox" doc:"The provider."`
	Credentials  []CredentialField `json:"credentials" maxItems:"10" doc:"What an account needs."`
	Capabilities Capabilities      `json:"capabilities" doc:"What its channels can do."`
}

// ProviderList is a short list that never has a second page.
type ProviderList struct {
	Items []Provider `json:"items" maxItems:"50" doc:"The providers, by name."`
}

// ProvidersShown is the output of listProviders.
type ProvidersShown struct {
	Body ProviderList
}

func (h handlers) providers(context.Context, *struct{}) (*ProvidersShown, error) {
	out := ProviderList{Items: []Provider{}}
	for _, adapter := range h.Adapters {
		out.Items = append(out.Items, providerView(adapter))
	}
	sort.Slice(out.Items, func(i, j int) bool { return out.Items[i].Name < out.Items[j].Name })
	return &ProvidersShown{out}, nil
}

func providerView(a provider.Adapter) Provider {
	out := Provider{Name: string(a.Name()), Credentials: []CredentialField{}, Capabilities: capabilitiesView(a.Capabilities())}
	for _, f := range a.CredentialFields() {
		out.Credentials = append(out.Credentials, CredentialField{f.Name, f.Title, f.Secret, f.Required, f.Pattern})
	}
	return out
}
