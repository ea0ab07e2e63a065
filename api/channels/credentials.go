package channels

import "github.com/trellishq/trellis/channels/provider"

// Credentials are what providers ask for. Each takes its own fields:
// listProviders names them.
type Credentials struct {
	AccountSID     string `json:"account_sid,omitempty" minLength:"1" maxLength:"256" writeOnly:"true" doc:"Twilio: the account." example:"AC0123456789abcdef0123456789abcdef"`
	AuthToken      string `json:"auth_token,omitempty" minLength:"1" maxLength:"256" writeOnly:"true" doc:"Twilio: the account's token." example:"0123456789abcdef0123456789abcdef"`
	AuthTokenNext  string `json:"auth_token_next,omitempty" minLength:"1" maxLength:"256" writeOnly:"true" doc:"Twilio: the token to come while one is being replaced; both are good." example:"fedcba9876543210fedcba9876543210"`
	APIKey         string `json:"api_key,omitempty" minLength:"1" maxLength:"256" writeOnly:"true" doc:"Clickatell: the key of the integration." example:"0aZ4bY8cX2dW6eV0fU4gT8hS=="`
	APIID          string `json:"api_id,omitempty" minLength:"1" maxLength:"256" writeOnly:"true" doc:"Clickatell: the id of the integration, to refuse the callbacks of others." example:"ff80808157b7"`
	CallbackSecret string `json:"callback_secret,omitempty" minLength:"1" maxLength:"256" writeOnly:"true" doc:"Clickatell: the password that its callbacks carry." example:"a long random word"`
	Account        string `json:"account,omitempty" minLength:"1" maxLength:"256" writeOnly:"true" doc:"SCOPSERV: the account." example:"operator"`
	Secret         string `json:"secret,omitempty" minLength:"1" maxLength:"256" writeOnly:"true" doc:"SCOPSERV and sandbox: the shared secret that signs both ways." example:"another long random word"`
}

// byName leaves out what was not given.
func (c Credentials) byName() provider.Credentials {
	out := provider.Credentials{}
	for name, value := range map[string]string{
		"account_sid": c.AccountSID, "auth_token": c.AuthToken, "auth_token_next": c.AuthTokenNext,
		"api_key": c.APIKey, "api_id": c.APIID, "callback_secret": c.CallbackSecret,
		"account": c.Account, "secret": c.Secret,
	} {
		if value != "" {
			out[name] = value
		}
	}
	return out
}
