package tenants

// CleanOrigins reads a list of origins, body.allowed_origins, for whom they are
// kept elsewhere: as browsers write them, each once.
func CleanOrigins(given []string) ([]string, error) { return cleanOrigins(given) }
