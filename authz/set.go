package authz

import "math/bits"

// Set is a set of permissions: comparable, and asked in a few nanoseconds
// whatever it holds.
type Set [2]uint64

// index is where each permission stands in a Set.
var index = func() map[Permission]int {
	places := map[Permission]int{}
	for i, permission := range Permissions() {
		places[permission] = i
	}
	if len(places) > len(Set{})*64 {
		panic("authz: more permissions than a Set has room for")
	}
	return places
}()

// administration holds every administrative permission.
var administration = func() Set {
	var s Set
	for _, permission := range Permissions() {
		if permission.Administrative() {
			s = s.With(permission)
		}
	}
	return s
}()

// SetOf makes a set. Words that are no permission are left out.
func SetOf(permissions ...Permission) Set {
	var s Set
	for _, permission := range permissions {
		s = s.With(permission)
	}
	return s
}

// Known tells whether a word is a permission.
func Known(permission Permission) bool {
	_, known := index[permission]
	return known
}

// With adds a permission.
func (s Set) With(permission Permission) Set {
	if i, known := index[permission]; known {
		s[i/64] |= 1 << (i % 64)
	}
	return s
}

// Has tells whether a permission is in the set.
func (s Set) Has(permission Permission) bool {
	i, known := index[permission]
	return known && s[i/64]&(1<<(i%64)) != 0
}

// Holds tells whether everything of another set is in this one.
func (s Set) Holds(other Set) bool { return other.Without(s) == Set{} }

// And is what both sets have.
func (s Set) And(other Set) Set { return Set{s[0] & other[0], s[1] & other[1]} }

// Or is what either set has.
func (s Set) Or(other Set) Set { return Set{s[0] | other[0], s[1] | other[1]} }

// Without is what this set has and the other has not.
func (s Set) Without(other Set) Set { return Set{s[0] &^ other[0], s[1] &^ other[1]} }

// Administrative is the part of the set that is about the tree.
func (s Set) Administrative() Set { return s.And(administration) }

// Empty tells whether nothing is in the set.
func (s Set) Empty() bool { return s == Set{} }

// List names what is in the set, in the order of Permissions.
func (s Set) List() []Permission {
	list := make([]Permission, 0, bits.OnesCount64(s[0])+bits.OnesCount64(s[1]))
	for _, permission := range Permissions() {
		if s.Has(permission) {
			list = append(list, permission)
		}
	}
	return list
}
