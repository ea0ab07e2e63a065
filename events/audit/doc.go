// Package audit keeps the audit log: who changed what, when, from where and in
// whose name, with what was there before and after. An entry is written in the
// transaction of its event and never changed. A relay gives the entries of each
// tenant their numbers and hashes each with all before it, so that what is
// altered, removed, put in or put elsewhere later is found. The package decides
// what is an administrative event, and keeps secrets out; it does not decide
// who may read.
package audit
