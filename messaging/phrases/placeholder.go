package phrases

import "strings"

// Placeholder is a name that a text may ask for.
type Placeholder struct {
	Name string
	// Meaning is a sentence for people who write texts.
	Meaning string
	Example string
}

// VariablePrefix begins the names whose values come with the message.
const VariablePrefix = "variable."

// The placeholders whose values the program knows.
const (
	ContactName      = "contact.name"
	ContactFirstName = "contact.first_name"
	ContactLastName  = "contact.last_name"
	ContactAddress   = "contact.address"
	AgentName        = "agent.name"
	AgentFirstName   = "agent.first_name"
	TenantName       = "tenant.name"
	ChannelName      = "channel.name"
	ChannelAddress   = "channel.address"
)

// placeholders are all of them, in the order of the list for clients.
var placeholders = []Placeholder{
	{ContactName, "The name of the person who is written to.", "Ada Lovelace"},
	{ContactFirstName, "The first word of that name.", "Ada"},
	{ContactLastName, "The rest of that name; missing where it is one word.", "Lovelace"},
	{ContactAddress, "The number that is written to.", "+15145550199"},
	{AgentName, "The name of the user who sends the message; missing for an API key.", "Grace Hopper"},
	{AgentFirstName, "The first word of that name.", "Grace"},
	{TenantName, "The name of the tenant.", "Maple Clinic"},
	{ChannelName, "The name of the channel by which the message goes.", "Front desk"},
	{ChannelAddress, "The address of that channel.", "+15145550100"},
}

// Placeholders lists the placeholders whose values the program knows. Besides
// them there are those that begin with VariablePrefix.
func Placeholders() []Placeholder { return append([]Placeholder(nil), placeholders...) }

func known(name string) bool {
	if strings.HasPrefix(name, VariablePrefix) {
		return true
	}
	for _, p := range placeholders {
		if p.Name == name {
			return true
		}
	}
	return false
}

// Names are the placeholders of a person's name under a prefix, such as contact.
func Names(values map[string]string, prefix, name string) {
	first, last, _ := strings.Cut(strings.Join(strings.Fields(name), " "), " ")
	values[prefix+".name"] = strings.Join(strings.Fields(name), " ")
	values[prefix+".first_name"], values[prefix+".last_name"] = first, last
}
