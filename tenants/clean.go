package tenants

// CleanLanguage returns a language as it is stored: a BCP 47 tag in its usual
// form. Its fault points at body.language.
func CleanLanguage(text string) (string, error) { return cleanLanguage(text) }

// CleanTimeZone accepts names of the IANA database. Its fault points at
// body.time_zone.
func CleanTimeZone(name string) (string, error) { return cleanTimeZone(name) }
