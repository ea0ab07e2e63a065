package tenants

// PathColumns are the columns that a move rewrites.
func PathColumns() []string {
	var all []string
	for _, at := range pathColumns {
		all = append(all, at.table+"."+at.column)
	}
	return all
}
